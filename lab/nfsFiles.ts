import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { labUser } from './asNobody.ts';
import type { ServerPlace } from './labServer.ts';
import { libraryFolders } from './libraryFolders.ts';

/** What lies where on the NFS server of a lab. */
export interface NfsFiles {
  /** Exported for reading and writing. */
  readonly data: string;
  /** Exported for reading only. */
  readonly archive: string;
  /** Exported for reading and writing: for a disk that is mounted there before the server starts. */
  readonly disk: string;
  readonly configuration: string;
}

/** The files of an NFS server. */
export function nfsFiles({ folder }: ServerPlace): NfsFiles {
  return { data: join(folder, 'data'), archive: join(folder, 'archive'), disk: join(folder, 'disk'), configuration: join(folder, 'ganesha.conf') };
}

/** The client library that set-up brought. */
export function nfsLibrary(toolsFolder: string): string {
  const folders = libraryFolders(join(toolsFolder, 'nfs'));
  return folders.map((folder) => join(folder, 'libnfs.so.13')).find((path) => existsSync(path)) ?? 'libnfs.so.13';
}

/** An export of the server as a destination: as the user whom the exported folders belong to. */
export function nfsDestination(place: ServerPlace, exported: string, path: string): Readonly<Record<string, unknown>> {
  const user = labUser === undefined ? {} : { uid: labUser.uid, gid: labUser.gid };
  return { type: 'NFS', server: '127.0.0.1', export: exported, path, nfsPort: place.ports['nfs'], mountPort: place.ports['mount'], ...user, library: nfsLibrary(place.toolsFolder) };
}
