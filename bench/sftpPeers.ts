import { join } from 'node:path';
import type { ServerPlace } from '../lab/labServer.ts';
import { libraryFolders } from '../lab/libraryFolders.ts';
import { sftpUser } from '../lab/sftp.ts';
import { sftpFiles } from '../lab/sftpKeys.ts';
import { found, quote } from './peers.ts';
import type { ServedPeer } from './servedPeer.ts';

/** OpenSSH's own client, rclone and restic, with the key that we log in with. */
export function sftpPeers(toolsFolder: string, place: ServerPlace): ServedPeer[] {
  const files = sftpFiles(place);
  const openssh = join(toolsFolder, 'openssh');
  const ssh = join(openssh, 'usr', 'bin', 'ssh');
  const sftp = join(openssh, 'usr', 'bin', 'sftp');
  const [rclone, restic] = ['rclone', 'restic'].map((name) => join(toolsFolder, name, 'bin', name)) as [string, string];
  const port = String(place.ports['port']);
  const q = quote;
  const options = `-i ${q(files.key)} -o ${q(`UserKnownHostsFile=${files.knownHosts}`)} -o BatchMode=yes`;
  const env: NodeJS.ProcessEnv = {
    LD_LIBRARY_PATH: libraryFolders(openssh).join(':'), RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: join(place.folder, 'restic'), RCLONE_CONFIG: '/dev/null',
    RCLONE_SFTP_HOST: '127.0.0.1', RCLONE_SFTP_PORT: port, RCLONE_SFTP_USER: sftpUser, RCLONE_SFTP_KEY_FILE: files.key, RCLONE_SFTP_KNOWN_HOSTS_FILE: files.knownHosts, RCLONE_SFTP_SHELL_TYPE: 'none',
  };
  const batch = (lines: string): string => `printf ${q(lines)} | ${q(sftp)} -q -S ${q(ssh)} -P ${port} ${options} -b - ${sftpUser}@127.0.0.1`;
  // An option of restic is a field of CSV, within which words are as in a shell.
  const resticSsh = `"sftp.command=${`${q(ssh)} -p ${port} ${options} ${sftpUser}@127.0.0.1 -s sftp`.replaceAll('"', '""')}"`;
  const resticWith = (name: string): string => `${q(restic)} -q -r ${q(`sftp:${sftpUser}@127.0.0.1:${name}`)} -o ${q(resticSsh)}`;
  return [
    {
      name: 'sftp', ...found(ssh, ['-V'], 'set-up could not bring OpenSSH', env), env,
      store: (corpus, name) => batch(`put -r "${corpus}" "${name}"\\n`),
      fetch: (name, to) => batch(`get -r "${name}" "${to}"\\n`),
    },
    {
      name: 'rclone', ...found(rclone, ['version'], 'set-up could not install it (go)'), env,
      store: (corpus, name) => `${q(rclone)} -q copy ${q(corpus)} ${q(`:sftp:${name}`)} --transfers 8 --checkers 8`,
      fetch: (name, to) => `${q(rclone)} -q copy ${q(`:sftp:${name}`)} ${q(to)} --transfers 8 --checkers 8`,
    },
    {
      name: 'restic', ...found(restic, ['version'], 'set-up could not install it (go)'), env,
      store: (corpus, name) => `${resticWith(name)} init && cd ${q(corpus)} && ${resticWith(name)} backup .`,
      fetch: (name, to) => `${resticWith(name)} restore latest --target ${q(to)}`,
    },
  ];
}
