import type { Lab } from '../../lab/lab.ts';
import { nfsDestination, nfsFiles, type NfsFiles } from '../../lab/nfsFiles.ts';
import { createSecretReader } from '../../config/secrets.ts';
import { nfs } from '../../storage/nfs.ts';
import type { StorageContext, StorageSession } from '../../storage/storageDriver.ts';

/** A destination on an export of the lab's NFS server; what is given replaces it, `undefined` leaves it out. */
export async function openNfs(lab: Lab, changes: Record<string, unknown> = {}, context: Pick<StorageContext, 'writer' | 'mustExist'> = {}, exported: keyof NfsFiles = 'data'): Promise<StorageSession> {
  const place = lab.place('nfs');
  const block = { ...nfsDestination(place, nfsFiles(place)[exported], 'vault'), ...changes };
  const config = nfs.config.parse(Object.fromEntries(Object.entries(block).filter(([, value]) => value !== undefined)));
  return await nfs.open(config, { name: 'remote', ...context, readSecret: createSecretReader('/') });
}
