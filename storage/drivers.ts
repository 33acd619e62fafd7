import { closest } from 'fastest-levenshtein';
import { Failure } from '../contracts/failure.ts';
import { cifs } from './cifs.ts';
import { localDir } from './localDir.ts';
import { localHdfs } from './localHdfs.ts';
import { nfs } from './nfs.ts';
import { obs } from './obs.ts';
import { remoteHdfs } from './remoteHdfs.ts';
import { sftp } from './sftp.ts';
import type { StorageDriver } from './storageDriver.ts';

/** A driver whose configuration is checked by its own schema, and so may be of any shape. */
export type AnyDriver = StorageDriver<any>;

/** All drivers, one line each. */
export const drivers: readonly AnyDriver[] = [
  localDir,
  localHdfs,
  remoteHdfs,
  nfs,
  cifs,
  sftp,
  obs,
];

/** Directory types, in the order the vendor shows them; those without a driver are not built yet. */
export const directoryTypes = ['LocalDir', 'LocalHDFS', 'RemoteHDFS', 'NFS', 'CIFS', 'SFTP', 'OBS'] as const;

/** A directory type. */
export type DirectoryType = (typeof directoryTypes)[number];

/**
 * The driver of a directory type.
 * @throws Failure E_NOT_BUILT for a type that is planned, E_UNSUPPORTED for any other
 */
export function findDriver(type: string, among: readonly AnyDriver[] = drivers): AnyDriver {
  const driver = among.find((each) => each.type === type);
  if (driver !== undefined) return driver;
  const built = among.map((each) => each.type).join(', ');
  if ((directoryTypes as readonly string[]).includes(type)) throw new Failure('E_NOT_BUILT', `destinations of type ${type} are not built yet`, { hint: `use one of: ${built}` });
  throw new Failure('E_UNSUPPORTED', `there is no destination type ${JSON.stringify(type)}`, { hint: `did you mean ${closest(type, [...directoryTypes])}? built are: ${built}` });
}
