import { join } from 'node:path';
import type { ServerPlace } from '../lab/labServer.ts';
import { quote } from './peers.ts';
import type { ServedPeer } from './servedPeer.ts';

/** `cp` into the very folder that a file server exports, past the server: what a mount could reach at most. The lab's kernels need not know the protocol, so nothing is mounted. */
export function copyPeers(folderOf: (place: ServerPlace) => string): (toolsFolder: string, place: ServerPlace) => readonly ServedPeer[] {
  return (_toolsFolder, place) => {
    const at = (name: string): string => quote(join(folderOf(place), name));
    return [{
      name: 'cp past the server', version: undefined,
      store: (corpus, name) => `cp -r ${quote(corpus)} ${at(name)}`,
      fetch: (name, to) => `cp -r ${at(name)} ${quote(to)}`,
    }];
  };
}
