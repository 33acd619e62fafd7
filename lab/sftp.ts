import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { asNobody, labUser } from './asNobody.ts';
import { greetingOf } from './greetingOf.ts';
import type { LabServer, ServerPlace } from './labServer.ts';
import { libraryFolders } from './libraryFolders.ts';
import { launch } from './processes.ts';
import { prepareSftpFiles, sftpFiles } from './sftpKeys.ts';

/** The user of the operating system the server runs as: the only one who can log in, as an unprivileged sshd cannot become another. */
export const sftpUser = labUser === undefined ? userInfo().username : 'nobody';

/** OpenSSH with its own keys and configuration, for SFTP and nothing else. Logs in with keys: passwords need root. Relative paths count from its data folder. */
export const sftp: LabServer = {
  portRoles: ['port'],
  processRoles: ['sshd'],
  stopSignal: 'SIGTERM',
  endpoints: ({ ports }) => ({ sftp: `sftp://${sftpUser}@127.0.0.1:${ports['port']}` }),
  prepare,
  startProcess: (place) => {
    const tool = join(place.toolsFolder, 'openssh');
    // sshd is picky about being called by an absolute path. -r: it forks for a connection and does not start itself anew, without its environment.
    const [command, ...args] = [...asNobody('dac_read_search'), join(tool, 'usr', 'sbin', 'sshd'), '-D', '-e', '-r', '-f', join(place.folder, 'sshd_config')];
    return launch({ command: command!, args, folder: place.folder, logFile: join(place.folder, 'sshd.log'), env: { ...process.env, LD_LIBRARY_PATH: libraryFolders(tool).join(':') } });
  },
  isReady: ({ ports }) => answersAsSsh(ports['port']!),
};

async function prepare(place: ServerPlace): Promise<void> {
  const files = sftpFiles(place);
  await prepareSftpFiles(place);
  await writeFile(join(place.folder, 'sshd_config'), [
    `Port ${place.ports['port']}`, 'ListenAddress 127.0.0.1', `HostKey ${files.hostKey}`, `AuthorizedKeysFile ${files.authorizedKeys}`, 'PidFile none', 'UsePAM no', 'StrictModes no',
    'PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'MaxStartups 100', 'LogLevel VERBOSE',
    // Large objects cross an exchange of keys, as they do elsewhere after a gigabyte.
    'RekeyLimit 24M', 'DisableForwarding yes', 'PermitTTY no',
    `Subsystem sftp internal-sftp -d ${files.data}`, '',
  ].join('\n'));
}

/** Whether a server greets as SSH servers do. */
export async function answersAsSsh(port: number): Promise<boolean> {
  return await greetingOf(port).then((line) => line.startsWith('SSH-2.0-'), () => false);
}