import { join } from 'node:path';
import { labUser } from '../lab/asNobody.ts';
import type { ServerPlace } from '../lab/labServer.ts';
import { libraryFolders } from '../lab/libraryFolders.ts';
import { nfs } from '../lab/nfs.ts';
import { nfsFiles } from '../lab/nfsFiles.ts';
import { copyPeers } from './copyPeers.ts';
import { found, quote } from './peers.ts';
import type { ServedPeer } from './servedPeer.ts';

/** The client of libnfs, outside the kernel as ours is, and `cp` past the server. */
export function nfsPeers(toolsFolder: string, place: ServerPlace): readonly ServedPeer[] {
  const { data } = nfsFiles(place);
  const tool = join(toolsFolder, 'nfs-client');
  const nfsCp = join(tool, 'usr', 'bin', 'nfs-cp');
  const env: NodeJS.ProcessEnv = { LD_LIBRARY_PATH: libraryFolders(tool).join(':') };
  const q = quote;
  // As the user whom the exported folder belongs to, as ours.
  const user = labUser === undefined ? '' : `&uid=${labUser.uid}&gid=${labUser.gid}`;
  const url = (name: string): string => `${nfs.endpoints(place)['nfs']!.replace('?', `/${name}/{}?`)}${user}`;
  // It brings one file and makes no folder. As many at once as our driver has of large objects.
  const eachOf = (folder: string, atOnce: number, from: string, to: string): string => `ls ${q(folder)} | xargs -P ${atOnce} -I{} ${q(nfsCp)} ${q(from)} ${q(to)}`;
  return [
    {
      name: 'nfs-cp', ...found(nfsCp, [], 'set-up could not bring libnfs-utils', env), env,
      // It begins anew, with a mount of its own, for every file: of small ones that would be all that is measured.
      corpora: ['large'],
      store: (corpus, name) => `install -d ${labUser === undefined ? '' : `-o ${labUser.uid} -g ${labUser.gid} `}${q(join(data, name))} && ${eachOf(corpus, 2, `${corpus}/{}`, url(name))}`,
      fetch: (name, to) => `mkdir -p ${q(to)} && ${eachOf(join(data, name), 4, url(name), `${to}/{}`)}`,
    },
    ...copyPeers((each) => nfsFiles(each).data)(toolsFolder, place),
  ];
}
