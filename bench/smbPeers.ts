import { join } from 'node:path';
import { cifsFiles, cifsUser, sambaEnvironment } from '../lab/cifsFiles.ts';
import type { ServerPlace } from '../lab/labServer.ts';
import { copyPeers } from './copyPeers.ts';
import { found, quote } from './peers.ts';
import type { ServedPeer } from './servedPeer.ts';

/** Samba's own client and rclone, signed as ours is, and `cp` past the server. */
export function smbPeers(toolsFolder: string, place: ServerPlace): readonly ServedPeer[] {
  const { password } = cifsFiles(place);
  const smbclient = join(toolsFolder, 'samba', 'usr', 'bin', 'smbclient');
  const rclone = join(toolsFolder, 'rclone', 'bin', 'rclone');
  const port = String(place.ports['port']);
  const q = quote;
  const env: NodeJS.ProcessEnv = { ...sambaEnvironment(place), PASSWD_FILE: password };
  const ask = (lines: string): string => `${q(smbclient)} -s /dev/null --client-protection=sign -E -p ${port} //127.0.0.1/vault -U ${q(cifsUser)} -c ${q(`prompt OFF; recurse ON; ${lines}`)}`;
  const rcloneEnv: NodeJS.ProcessEnv = { RCLONE_CONFIG: '/dev/null', RCLONE_SMB_HOST: '127.0.0.1', RCLONE_SMB_PORT: port, RCLONE_SMB_USER: cifsUser };
  // It takes a password only in a form of its own.
  const copy = (from: string, to: string): string => `RCLONE_SMB_PASS=$(${q(rclone)} obscure - < ${q(password)}) ${q(rclone)} -q copy ${q(from)} ${q(to)} --transfers 8 --checkers 8`;
  return [
    {
      name: 'smbclient', ...found(smbclient, ['--version'], 'set-up could not bring Samba', env), env,
      store: (corpus, name) => ask(`mkdir "${name}"; cd "${name}"; lcd "${corpus}"; mput *`),
      fetch: (name, to) => `mkdir -p ${q(to)} && ${ask(`cd "${name}"; lcd "${to}"; mget *`)}`,
    },
    {
      name: 'rclone', ...found(rclone, ['version'], 'set-up could not install it (go)'), env: rcloneEnv,
      store: (corpus, name) => copy(corpus, `:smb:vault/${name}`),
      fetch: (name, to) => copy(`:smb:vault/${name}`, to),
    },
    ...copyPeers((each) => cifsFiles(each).data)(toolsFolder, place),
  ];
}
