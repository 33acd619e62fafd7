import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { asNobody, labUser } from './asNobody.ts';
import { cifsFiles, cifsUser, sambaEnvironment } from './cifsFiles.ts';
import type { LabServer, ServerPlace } from './labServer.ts';
import { launch } from './processes.ts';
import { secretFile } from './secretFile.ts';

/** Samba with its own configuration and users, as one user of the system: SMB 2 and 3 only, always signed. Its shares are in `configuration`. */
export const cifs: LabServer = {
  portRoles: ['port'],
  processRoles: ['smbd'],
  stopSignal: 'SIGTERM',
  endpoints: ({ ports }) => ({ cifs: `smb://${cifsUser}@127.0.0.1:${ports['port']}/vault` }),
  prepare,
  startProcess: (place) => {
    const [command, ...args] = [...asNobody('dac_read_search'), join(place.toolsFolder, 'samba', 'usr', 'sbin', 'smbd'), '--foreground', '--no-process-group', '-s', cifsFiles(place).configuration, '-l', cifsFiles(place).own];
    return launch({ command: command!, args, folder: place.folder, logFile: join(place.folder, 'smbd.log'), env: sambaEnvironment(place) });
  },
  isReady: ({ ports }) => accepts(ports['port']!),
};

async function prepare(place: ServerPlace): Promise<void> {
  const { data, archive, own, configuration, password } = cifsFiles(place);
  const folders = [data, archive, own, ...['private', 'state', 'lock', 'cache', 'pid', 'ncalrpc'].map((name) => join(own, name))];
  for (const folder of folders) {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    if (labUser !== undefined) await chown(folder, labUser.uid, labUser.gid);
  }
  await writeFile(configuration, configurationOf(place));
  const word = await secretFile(password);
  if (!existsSync(join(own, 'private', 'passdb.tdb'))) await addUser(place, word);
}

function configurationOf(place: ServerPlace): string {
  const { data, archive, own } = cifsFiles(place);
  const share = (name: string, ...lines: string[]): string[] => ['', `[${name}]`, ...lines];
  return [
    '[global]', `smb ports = ${place.ports['port']}`, 'interfaces = 127.0.0.1', 'bind interfaces only = yes', 'server role = standalone server', 'workgroup = LAB', 'netbios name = lab', 'disable netbios = yes',
    'server min protocol = SMB2_02', 'server signing = mandatory',
    // Whom it does not know is a guest, as on many a NAS: we must not be that without a word.
    'map to guest = bad user', `guest account = ${cifsUser}`,
    `passdb backend = tdbsam:${own}/private/passdb.tdb`, `private dir = ${own}/private`, `state directory = ${own}/state`, `lock directory = ${own}/lock`, `cache directory = ${own}/cache`, `pid directory = ${own}/pid`, `ncalrpc dir = ${own}/ncalrpc`,
    'load printers = no', 'printcap name = /dev/null', 'disable spoolss = yes', 'rpc start on demand helpers = no', 'logging = file', `log file = ${own}/server.log`, 'max log size = 0', 'log level = 1',
    'create mask = 0600', 'directory mask = 0700', 'map archive = no', 'strict sync = yes', 'sync always = yes',
    ...share('vault', `path = ${data}`, 'read only = no'),
    ...share('sealed', `path = ${data}`, 'read only = no', 'smb encrypt = required'),
    ...share('archive', `path = ${archive}`, 'read only = yes'),
    ...share('everybody', `path = ${data}`, 'read only = no', 'guest ok = yes'), '',
  ].join('\n');
}

async function addUser(place: ServerPlace, password: string): Promise<void> {
  const [command, ...args] = [...asNobody('dac_read_search'), join(place.toolsFolder, 'samba', 'usr', 'bin', 'pdbedit'), '-s', cifsFiles(place).configuration, '--create', '--password-from-stdin', '--user', cifsUser];
  const child = spawn(command!, args, { env: sambaEnvironment(place), stdio: ['pipe', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (complaint += text));
  child.stdin.end(`${password}\n${password}\n`);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} of Samba ended with ${code}: ${complaint}`);
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
