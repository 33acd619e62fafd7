import type { Lab } from '../../lab/lab.ts';
import { plainUsers } from '../../lab/plainSftp.ts';
import { sftpUser } from '../../lab/sftp.ts';
import { sftpFiles } from '../../lab/sftpKeys.ts';
import { createSecretReader } from '../../config/secrets.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import { sftp } from '../../storage/sftp.ts';
import type { StorageContext, StorageSession } from '../../storage/storageDriver.ts';

/** A destination on an SFTP server of the lab, opened as its configuration says; what is given replaces it, `undefined` leaves it out. */
export async function openSftp(lab: Lab, server: 'sftp' | 'sftp-plain', changes: Record<string, unknown> = {}, context: Pick<StorageContext, 'writer' | 'mustExist'> = {}): Promise<StorageSession> {
  const place = lab.place(server);
  const files = sftpFiles(place);
  const login = server === 'sftp' ? { user: sftpUser, privateKey: { file: files.key }, path: 'vault' } : { user: plainUsers.password, password: { file: files.password }, path: '/vault' };
  const block = { type: 'SFTP', host: '127.0.0.1', port: place.ports['port'], ...login, knownHosts: files.knownHosts, ...changes };
  const config = sftp.config.parse(Object.fromEntries(Object.entries(block).filter(([, value]) => value !== undefined)));
  return await sftp.open(config, { name: 'remote', ...context, readSecret: createSecretReader('/') });
}

export async function putSample(session: StorageSession, key: string, length = 10): Promise<void> {
  const sample = sampleBody(length, key);
  await session.put(key, sample.body(), sample);
}

export async function readLength(session: StorageSession, key: string): Promise<number> {
  let length = 0;
  for await (const chunk of session.get(key)) length += chunk.length;
  return length;
}

export async function lengthsOf(session: StorageSession): Promise<Record<string, number>> {
  const lengths: Record<string, number> = {};
  for await (const { key, length } of session.list('')) lengths[key] = length;
  return lengths;
}
