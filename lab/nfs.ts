import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answersRpc } from './answersRpc.ts';
import { labUser } from './asNobody.ts';
import type { LabServer, ServerPlace } from './labServer.ts';
import { libraryFolders } from './libraryFolders.ts';
import { nfsFiles } from './nfsFiles.ts';
import { launch } from './processes.ts';

/** Of NFS and of its mount service, both version 3. */
const programs = { nfs: 100_003, mount: 100_005 } as const;

/**
 * nfs-ganesha, an NFS server outside the kernel: version 3 on ports of its own. It insists on a portmapper; the one it gets has a network of its own
 * and so leaves port 111 alone: both see it at /run/rpcbind.sock, over which, for them alone, a folder of the lab lies. Needs root, for that and for
 * opening files by their handles.
 */
export const nfs: LabServer = {
  portRoles: ['nfs', 'mount'],
  processRoles: ['rpcbind', 'ganesha'],
  // What it has answered for is in its files, or was never promised: nothing is gained by waiting for it.
  stopSignal: 'SIGKILL',
  endpoints: (place) => ({ nfs: `nfs://127.0.0.1${nfsFiles(place).data}?version=3&nfsport=${place.ports['nfs']}&mountport=${place.ports['mount']}` }),
  prepare,
  startProcess,
  isReady: async ({ ports }) => (await answersRpc(ports['mount']!, programs.mount, 3)) && (await answersRpc(ports['nfs']!, programs.nfs, 3)),
};

async function prepare(place: ServerPlace): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('the NFS server of the lab (nfs-ganesha) needs root: it opens files by their handles, and gets a portmapper in a network of its own (unshare of util-linux)');
  const { data, archive, disk, configuration } = nfsFiles(place);
  for (const folder of [data, archive, disk, join(place.folder, 'run')]) await mkdir(folder, { recursive: true, mode: 0o755 });
  // A disk that is mounted there has an owner already.
  if (labUser !== undefined) for (const folder of [data, archive]) await chown(folder, labUser.uid, labUser.gid);
  const users = await readFile('/etc/passwd', 'utf8');
  // rpcbind becomes the user that its package would have made.
  await writeFile(join(place.folder, 'passwd'), `${users.trimEnd()}\n_rpc:x:65534:65534::/:/bin/false\nrpc:x:65534:65534::/:/bin/false\n`);
  await writeFile(configuration, configurationOf(place));
}

function configurationOf(place: ServerPlace): string {
  const { data, archive, disk } = nfsFiles(place);
  const plugins = libraryFolders(tool(place)).map((folder) => join(folder, 'ganesha')).find((folder) => existsSync(folder));
  const exported = (id: number, path: string, access: 'RW' | 'RO'): string =>
    `EXPORT { Export_Id = ${id}; Path = "${path}"; Pseudo = "/${id}"; Access_Type = ${access}; Squash = Root_Squash; SecType = sys; Protocols = 3; Transports = TCP; PrivilegedPort = false; FSAL { Name = VFS; } }`;
  return [
    `NFS_CORE_PARAM { NFS_Port = ${place.ports['nfs']}; MNT_Port = ${place.ports['mount']}; Bind_addr = 127.0.0.1; Enable_NLM = false; Enable_RQUOTA = false; Protocols = 3;${plugins === undefined ? '' : ` Plugins_Dir = "${plugins}";`} }`,
    // Unused, but begun all the same: with files of its own, and without a name service.
    `NFSv4 { RecoveryRoot = "${join(place.folder, 'recovery')}"; UseGetpwnam = true; Only_Numeric_Owners = true; }`,
    // What tests do to the folders is seen at once.
    'EXPORT_DEFAULTS { Attr_Expiration_Time = 0; }', 'MDCACHE { Dir_Chunk = 0; }',
    'LOG { Default_Log_Level = EVENT; }',
    exported(1, data, 'RW'), exported(2, archive, 'RO'), exported(3, disk, 'RW'), '',
  ].join('\n');
}

const tool = ({ toolsFolder }: ServerPlace): string => join(toolsFolder, 'nfs');

/** In mounts of its own: its /run, and what a bare machine lacks in /etc. Mounts that are made elsewhere later are seen, too. */
const inOwnMounts = `
set -e
run=$1 passwd=$2 etc=$3
shift 3
[ -e /etc/netconfig ] || mount -t overlay -o lowerdir="$etc:/etc" lab /etc
mount --bind "$passwd" /etc/passwd
mount --bind "$run" /run
tries=0
while [ "$1" = wait ] && [ ! -S /run/rpcbind.sock ] && [ $tries -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
shift
exec "$@"
`;

async function startProcess(place: ServerPlace, role: string): Promise<Awaited<ReturnType<typeof launch>>> {
  const { folder } = place;
  const program = (name: string): string => ['usr/bin', 'usr/sbin', 'sbin'].map((each) => join(tool(place), each, name)).find((path) => existsSync(path)) ?? name;
  const isPortmapper = role === 'rpcbind';
  if (isPortmapper) await rm(join(folder, 'run', 'rpcbind.sock'), { force: true });
  const command = isPortmapper ? [program('rpcbind'), '-f'] : [program('ganesha.nfsd'), '-F', '-f', nfsFiles(place).configuration, '-L', 'STDOUT', '-p', join(folder, 'ganesha.pid')];
  return await launch({
    command: 'unshare',
    args: ['--mount', '--propagation', 'slave', ...(isPortmapper ? ['--net'] : []), 'sh', '-c', inOwnMounts, 'nfs', join(folder, 'run'), join(folder, 'passwd'), join(tool(place), 'etc'), isPortmapper ? 'now' : 'wait', ...command],
    folder,
    logFile: join(folder, `${role}.log`),
    env: { ...process.env, LD_LIBRARY_PATH: [...libraryFolders(tool(place)), join(tool(place), 'usr', 'lib', 'ganesha')].join(':') },
  });
}
