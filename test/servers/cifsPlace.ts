import { createSecretReader } from '../../config/secrets.ts';
import { cifsDestination } from '../../lab/labConfig.ts';
import type { Lab } from '../../lab/lab.ts';
import { cifs } from '../../storage/cifs.ts';
import type { StorageContext, StorageSession } from '../../storage/storageDriver.ts';

/** A destination on the SMB server of the lab, opened as its configuration says; what is given replaces it, `undefined` leaves it out. */
export async function openCifs(lab: Lab, changes: Record<string, unknown> = {}, context: Pick<StorageContext, 'writer' | 'mustExist'> = {}): Promise<StorageSession> {
  const block = { ...cifsDestination(lab.place('cifs')), path: 'vault', ...changes };
  const config = cifs.config.parse(Object.fromEntries(Object.entries(block).filter(([, value]) => value !== undefined)));
  return await cifs.open(config, { name: 'remote', ...context, readSecret: createSecretReader('/') });
}
