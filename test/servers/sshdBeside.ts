import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import getPort from 'get-port';
import { asNobody } from '../../lab/asNobody.ts';
import type { ServerPlace } from '../../lab/labServer.ts';
import { libraryFolders } from '../../lab/libraryFolders.ts';
import { endProcess, lastLines, launch } from '../../lab/processes.ts';
import { answersAsSsh } from '../../lab/sftp.ts';
import { sftpFiles } from '../../lab/sftpKeys.ts';

/** Starts another sshd beside an SFTP server of the lab, with its keys and users, and these lines of configuration in place of its `Subsystem`. */
export async function startSshdBeside(place: ServerPlace, lines: readonly string[]): Promise<AsyncDisposable & { readonly port: number }> {
  const files = sftpFiles(place);
  const port = await getPort();
  const [configFile, logFile] = [join(place.folder, `beside-${port}`), join(place.folder, `beside-${port}.log`)];
  await writeFile(configFile, [`Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${files.hostKey}`, `AuthorizedKeysFile ${files.authorizedKeys}`, 'PidFile none', 'UsePAM no', 'StrictModes no', 'PasswordAuthentication no', ...lines, ''].join('\n'));
  const tool = join(place.toolsFolder, 'openssh');
  const [command, ...args] = [...asNobody('dac_read_search'), join(tool, 'usr', 'sbin', 'sshd'), '-D', '-e', '-r', '-f', configFile];
  const sshd = await launch({ command: command!, args, folder: place.folder, logFile, env: { ...process.env, LD_LIBRARY_PATH: libraryFolders(tool).join(':') } });
  for (let tries = 0; !(await answersAsSsh(port)); tries++) {
    if (tries === 100) throw new Error(`sshd did not start:\n${lastLines(logFile)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { port, [Symbol.asyncDispose]: () => endProcess(sshd, 'SIGTERM', 5000) };
}
