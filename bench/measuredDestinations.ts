import type { ServerPlace } from '../lab/labServer.ts';
import { cifsDestination, objectStore, sftpDestination } from '../lab/labConfig.ts';
import { nfsDestination, nfsFiles } from '../lab/nfsFiles.ts';
import { nfsPeers } from './nfsPeers.ts';
import { objectStorePeers } from './objectStorePeers.ts';
import type { ServedPeer } from './servedPeer.ts';
import { smbPeers } from './smbPeers.ts';
import { sftpPeers } from './sftpPeers.ts';

/** A directory type on a server of the lab, and what a user would bring files there with. */
export interface MeasuredDestination {
  readonly type: string;
  readonly server: string;
  /** Block of the configuration; `name` is of a folder of its own. */
  block(place: ServerPlace, name: string): Readonly<Record<string, unknown>>;
  peers(toolsFolder: string, place: ServerPlace): readonly ServedPeer[];
}

/** One line a destination. */
export const measuredDestinations: readonly MeasuredDestination[] = [
  { type: 'SFTP', server: 'sftp', block: (place, path) => ({ ...sftpDestination(place), path }), peers: sftpPeers },
  { type: 'NFS', server: 'nfs', block: (place, path) => nfsDestination(place, nfsFiles(place).data, path), peers: nfsPeers },
  { type: 'CIFS', server: 'cifs', block: (place, path) => ({ ...cifsDestination(place), path }), peers: smbPeers },
  { type: 'OBS', server: 's3-a', block: (place, path) => ({ ...objectStore(place), path }), peers: objectStorePeers },
];
