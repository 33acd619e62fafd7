import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asNobody } from './asNobody.ts';
import type { LabServer, ServerPlace } from './labServer.ts';
import { launch } from './processes.ts';
import { answersAsSsh } from './sftp.ts';
import { prepareSftpFiles, sftpFiles } from './sftpKeys.ts';

const program = fileURLToPath(new URL('plainSftp/server.py', import.meta.url));

/** Who logs in by a password sent, and by a password asked for, which some servers offer alone. */
export const plainUsers = { password: 'backup', asked: 'asked' } as const;

/** Another implementation of SFTP, as plain as the protocol allows: no extensions, its data folder is its root. */
export const plainSftp: LabServer = {
  portRoles: ['port'],
  processRoles: ['server'],
  stopSignal: 'SIGTERM',
  endpoints: ({ ports }) => ({ sftp: `sftp://${plainUsers.password}@127.0.0.1:${ports['port']}` }),
  prepare,
  startProcess: (place) => {
    const [command, ...args] = [...asNobody('dac_read_search'), 'python3', program, join(place.folder, 'settings.json')];
    return launch({ command: command!, args, folder: place.folder, logFile: join(place.folder, 'server.log'), env: { ...process.env, PYTHONPATH: join(place.toolsFolder, 'paramiko'), PYTHONDONTWRITEBYTECODE: '1' } });
  },
  isReady: ({ ports }) => answersAsSsh(ports['port']!),
};

async function prepare(place: ServerPlace): Promise<void> {
  const files = sftpFiles(place);
  await prepareSftpFiles(place);
  await writeFile(join(place.folder, 'settings.json'), JSON.stringify({
    port: place.ports['port'], root: files.data, hostKey: files.hostKey, passwordFile: files.password, authorizedKeys: files.authorizedKeys, user: plainUsers.password, askedUser: plainUsers.asked,
  }));
}
