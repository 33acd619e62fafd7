import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLab, type Lab } from '../../lab/lab.ts';
import { sftpFiles, sftpFingerprint } from '../../lab/sftpKeys.ts';
import { checkDestination, type ConformanceResult } from '../../storage/conformance.ts';
import { sftp } from '../../storage/sftp.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { startChrootedSshd, type ChrootedSshd } from './chrootedSshd.ts';
import { lengthsOf, openSftp, putSample, readLength } from './sftpPlace.ts';

// A server as hosters run it: password, and a folder that looks like the whole file system.
let folder: string;
let lab: Lab;
let sshd: ChrootedSshd;
let fingerprint: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-chroot-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname });
  await lab.up(['sftp']);
  fingerprint = await sftpFingerprint(lab.place('sftp'));
  sshd = await startChrootedSshd(lab.place('sftp'));
}, 60_000);

afterAll(async () => {
  await sshd?.[Symbol.asyncDispose]();
  await lab?.down(['sftp']);
  await rm(folder, { recursive: true, force: true });
}, 60_000);

async function open(changes: Record<string, unknown> = {}): Promise<StorageSession> {
  return await openSftp(lab, 'sftp', { port: sshd.port, user: sshd.user, privateKey: undefined, password: { file: sftpFiles(lab.place('sftp')).password }, knownHosts: undefined, hostKey: fingerprint, ...changes });
}

test('where a connection has but one channel, large transfers at once share what there is', async () => {
  await using session = await open();
  const keys = Array.from({ length: 6 }, (_, index) => `shared/${index}`);
  await Promise.all(keys.map((key) => putSample(session, key, 6_000_000)));
  expect(await Promise.all(keys.map((key) => readLength(session, key)))).toEqual(keys.map(() => 6_000_000));
  await Promise.all(keys.map((key) => session.remove(key)));
});

test('every promise of a destination is kept for a user with a password who is shut into a folder', { timeout: 120_000 }, async () => {
  const results: ConformanceResult[] = [];
  for await (const result of checkDestination(() => open(), sftp.capabilities, { exclusive: true, listed: 60, largeBytes: 8 << 20 })) results.push(result);
  expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(await readdir(join(sshd.jail, 'home', 'vault'), { recursive: true })).toEqual(['.tmp']);
});

test('a relative path counts from where he starts, an absolute one from the folder he is shut into, and nothing outside is reached', async () => {
  await using relative = await open({ path: 'mine' });
  await putSample(relative, 'a/b');
  await using absolute = await open({ path: '/home/mine' });
  expect(await lengthsOf(absolute)).toEqual({ 'a/b': 10 });
  expect((await stat(join(sshd.jail, 'home', 'mine', 'a', 'b'))).uid).not.toBe(0);
  // Where he is shut in belongs to root: he makes nothing there.
  await expect(open({ path: '/vault' })).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED' });
  await expect(open({ path: join(sshd.jail, 'home', 'mine') })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', hint: expect.stringContaining('where the server puts the user') });
});

test('a wrong password, and a user the server does not let in, are refused', async () => {
  const wrong = join(folder, 'wrong');
  await writeFile(wrong, 'not-the-password', { mode: 0o600 });
  for (const changes of [{ password: { file: wrong } }, { user: 'nobody' }]) await expect(open(changes)).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('password') });
});
