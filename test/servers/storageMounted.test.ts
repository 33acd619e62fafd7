import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createSecretReader } from '../../config/secrets.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { libraryFolders } from '../../lab/libraryFolders.ts';
import { sftpUser } from '../../lab/sftp.ts';
import { sftpFiles } from '../../lab/sftpKeys.ts';
import { cifs } from '../../storage/cifs.ts';
import { checkDestination, type ConformanceResult } from '../../storage/conformance.ts';
import { openMountedSession, type MountedPlace } from '../../storage/mounted/openMountedSession.ts';
import { nfs } from '../../storage/nfs.ts';
import type { StorageContext, StorageSession } from '../../storage/storageDriver.ts';
import { fillQuota } from './fillDisk.ts';
import { putAnd } from './putAnd.ts';
import { mountQuotaDisk } from './quotaDisk.ts';
import { lengthsOf, putSample, readLength } from './sftpPlace.ts';

// Real mounts, of other file systems: many a kernel has neither NFS nor CIFS. Which type must be mounted is a parameter that only the drivers fill
// in. Mounting needs root; without it these tests fail, they do not skip.
const run = promisify(execFile);
const toolsFolder = process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname;
const source = '//nas/backup share';
let folder: string;
/** What is mounted at `share`, and stays there when that is unmounted. */
let device: string;
let share: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-mounted-'));
});

beforeEach(async ({ task }) => {
  const own = join(folder, createHash('sha256').update(task.id).digest('hex').slice(0, 12));
  await rm(own, { recursive: true, force: true });
  device = join(own, 'device');
  share = join(own, 'a share');
  await mkdir(device, { recursive: true });
  await mkdir(share);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=128m,mode=0700', source, device]);
});

afterEach(async () => {
  for (const each of [share, share, device]) await run('umount', ['-l', each]).catch(() => {});
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const mountShare = async (): Promise<void> => void (await run('mount', ['--bind', device, share]));

async function open(changes: Partial<MountedPlace> = {}, context: Pick<StorageContext, 'writer' | 'mustExist'> = {}): Promise<StorageSession> {
  return await openMountedSession({ mountPath: share, path: 'vault', source, fileSystemTypes: ['nfs4', 'tmpfs'], naming: 'exact', connections: 2, timeoutSeconds: 10, ...changes }, { name: 'shared', ...context });
}

/** All file names at any depth in the folder beneath the mount point, which only a look past the mount shows. */
async function beneath(): Promise<string[]> {
  const bare = join(folder, 'bare');
  await mkdir(bare, { recursive: true });
  await run('mount', ['--bind', folder, bare]);
  try {
    return await readdir(share.replace(folder, bare), { recursive: true });
  } finally {
    await run('umount', [bare]);
  }
}

describe('every promise of a destination', () => {
  test.each(['exact', 'windows'] as const)('is kept on a mounted share with %s names, and nothing is left', { timeout: 120_000 }, async (naming) => {
    await mountShare();
    const results: ConformanceResult[] = [];
    for await (const result of checkDestination(() => open({ naming }), nfs.capabilities, { exclusive: true, listed: 100, largeBytes: 40 << 20 })) results.push(result);
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(await readdir(join(device, 'vault'), { recursive: true })).toEqual(['.tmp']);
    expect(await beneath()).toEqual([]);
    await using session = await open({ naming });
    expect(session.found).toEqual({ durable: true, limits: {}, way: `by the mount at ${share} (${source})` });
    expect(session.localFile).toBeUndefined();
  });
});

describe('nothing is written and nothing is read', () => {
  test('where nothing is mounted: that is worth waiting for', async () => {
    const error = { code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('nothing is mounted'), hint: expect.stringContaining(`mount ${source}`) };
    await expect(open()).rejects.toMatchObject(error);
    await expect(open({ mountPath: join(share, 'below') })).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    await expect(open({ mountPath: '/' })).rejects.toMatchObject(error);
    expect(await readdir(share)).toEqual([]);
    // A folder of a mounted share is no mount point: one that is not mounted there would be taken for the share around it.
    await mountShare();
    await mkdir(join(share, 'inner'));
    await expect(open({ mountPath: join(share, 'inner') })).rejects.toMatchObject(error);
    expect(await readdir(device)).toEqual(['inner']);
  });

  test('where nothing is mounted, and the folder beneath is closed to the worker, as the guide advises', async () => {
    await chmod(share, 0o000);
    const config = join(folder, 'closed.yaml');
    await writeFile(config, JSON.stringify({ destinations: { shared: { type: 'CIFS', mountPath: share, source } } }));
    const list = [process.execPath, '--disable-warning=ExperimentalWarning', fileURLToPath(new URL('../../client/cli/main.ts', import.meta.url)), 'set', 'list', '--destination', 'shared', '--config', config];
    // Root without what opens every folder to it: a user like any other.
    const without = '-dac_override,-dac_read_search';
    const answer = await run('setpriv', [`--bounding-set=${without}`, `--inh-caps=${without}`, ...list]).catch((error: unknown) => error);
    expect(answer).toMatchObject({ code: 6, stderr: expect.stringMatching(/E_DESTINATION_UNREACHABLE.*nothing is mounted/) });
  });

  test('where another share, or another kind of file system, is mounted', async () => {
    await mountShare();
    await expect(open({ source: '//nas/other' })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', message: expect.stringContaining(source), hint: expect.stringContaining('nothing was written') });
    await expect(open({ fileSystemTypes: ['nfs', 'nfs4'] })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', message: expect.stringContaining('(tmpfs)') });
    expect(await readdir(device)).toEqual([]);
  });

  test('by the drivers themselves, which demand their own kinds', async () => {
    await mountShare();
    const context = { name: 'shared', readSecret: createSecretReader('/') };
    const nfsBlock = nfs.config.parse({ type: 'NFS', mountPath: share, source: 'nas:/backup' });
    await expect(nfs.open(nfsBlock, context)).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', message: expect.stringContaining('not a file system of type nfs or nfs4') });
    const cifsBlock = cifs.config.parse({ type: 'CIFS', mountPath: share, source });
    await expect(cifs.open(cifsBlock, context)).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', message: expect.stringContaining('not a file system of type cifs or smb3') });
    expect(await readdir(device)).toEqual([]);
  });

  test('where something lies over the share', async () => {
    await mountShare();
    await using session = await open();
    await putSample(session, 'first');
    await run('mount', ['-t', 'tmpfs', 'other', share]);
    await expect(putSample(session, 'second')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    await expect(putSample(session, 'second')).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', message: expect.stringContaining('other (tmpfs)') });
    await expect(session.stat('first')).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
    expect(await readdir(share)).toEqual([]);
    await run('umount', [share]);
    await putSample(session, 'second');
    expect(await lengthsOf(session)).toEqual({ first: 10, second: 10 });
  });

  test('through a symbolic link; one that stands for the mount point is followed', async () => {
    await mountShare();
    const link = join(folder, 'link');
    await rm(link, { force: true });
    await symlink(share, link);
    await using session = await open({ mountPath: link });
    await putSample(session, 'a');
    await symlink('/etc/passwd', join(device, 'vault', 'link'));
    await expect(readLength(session, 'link')).rejects.toMatchObject({ code: 'E_OBJECT_NOT_FOUND' });
    expect(await lengthsOf(session)).toEqual({ a: 10 });
  });
});

test('the source is compared as each protocol means it', async () => {
  await mountShare();
  for (const same of ['//NAS/Backup Share', '\\\\nas\\backup share', '//nas/backup share/']) await (await open({ source: same }))[Symbol.asyncDispose]();
  await run('umount', ['-l', share]);
  await run('umount', ['-l', device]);
  await run('mount', ['-t', 'tmpfs', 'Nas:/Vol', device]);
  await mountShare();
  await using _ = await open({ source: 'Nas:/Vol/' });
  await expect(open({ source: 'nas:/vol' })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
});

test('a share that is unmounted in the middle of a write gets nothing more, the disk beneath nothing at all, and writing goes on when it is back', async () => {
  await mountShare();
  await using session = await open({}, { writer: 'run-1' });
  await putSample(session, 'first', 1000);
  await expect(putAnd(session, 'second', 6_000_000, () => run('umount', ['-l', share]))).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  const gone = { code: 'E_DESTINATION_UNREACHABLE', hint: expect.stringContaining('mount') };
  await expect(putSample(session, 'second')).rejects.toMatchObject(gone);
  await expect(session.stat('first')).rejects.toMatchObject(gone);
  await expect(lengthsOf(session)).rejects.toMatchObject(gone);
  await expect(session.space()).rejects.toMatchObject(gone);
  expect(await beneath()).toEqual([]);
  expect(await readdir(join(device, 'vault'))).toEqual(['.tmp', 'first']);
  await mountShare();
  await putSample(session, 'second', 2000);
  expect(await lengthsOf(session)).toEqual({ first: 1000, second: 2000 });
  await session.sweep(3_600_000);
  expect(await readdir(join(device, 'vault', '.tmp'))).toEqual([]);
});

test('another file system of the same name in its place is not taken for it by a run that has been here', async () => {
  await mountShare();
  await using session = await open();
  await putSample(session, 'first');
  await run('umount', ['-l', share]);
  await run('mount', ['-t', 'tmpfs', source, share]);
  await expect(putSample(session, 'second')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  await expect(putSample(session, 'second')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  await expect(open({}, { mustExist: true })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
  expect(await readdir(share)).toEqual([]);
});

test('a full share is said, nothing half is left, and writing goes on when there is space again', async () => {
  await run('mount', ['-o', 'remount,size=8m', device]);
  await mountShare();
  await using session = await open();
  await putSample(session, 'first', 4_000_000);
  await expect(putSample(session, 'second', 6_000_000)).rejects.toMatchObject({ code: 'E_DESTINATION_FULL' });
  expect(await readdir(join(device, 'vault', '.tmp'))).toEqual([]);
  await session.remove('first');
  await putSample(session, 'second', 6_000_000);
  expect(await lengthsOf(session)).toEqual({ second: 6_000_000 });
});

test('a quota of the share that is used up is said, however much space there is beside it, and writing goes on when it is raised', async () => {
  await using quota = await mountQuotaDisk(join(dirname(share), 'quota'));
  await using session = await open({ mountPath: quota.path, source: quota.source, fileSystemTypes: ['btrfs'] });
  await fillQuota(session, quota, { details: { errno: 'EDQUOT' } });
});

test('a share that became read-only is said, and is still read', async () => {
  await mountShare();
  await using session = await open();
  await putSample(session, 'first', 1000);
  await run('mount', ['-o', 'remount,bind,ro', share]);
  await expect(putSample(session, 'second')).rejects.toMatchObject({ code: 'E_DESTINATION_READ_ONLY' });
  await expect(session.remove('first')).rejects.toMatchObject({ code: 'E_DESTINATION_READ_ONLY' });
  expect(await readLength(session, 'first')).toBe(1000);
  await using later = await open();
  expect(await lengthsOf(later)).toEqual({ first: 1000 });
  await run('mount', ['-o', 'remount,bind,rw', share]);
  await putSample(session, 'second');
});

test('a share that hangs holds up nobody for longer than agreed, not even when its processes cannot be killed; and it goes on afterwards', { timeout: 120_000 }, async () => {
  const image = join(folder, 'image');
  await writeFile(image, '');
  await run('truncate', ['-s', '64M', image]);
  await run('mkfs.ext4', ['-q', '-F', image]);
  const loop = (await run('losetup', ['--find', '--show', image])).stdout.trim();
  await run('mount', [loop, share]);
  await chmod(share, 0o700);
  try {
    await using session = await open({ source: loop, fileSystemTypes: ['ext4'], timeoutSeconds: 2 });
    await putSample(session, 'first', 1000);
    await run('fsfreeze', ['--freeze', share]);
    let pids: number[];
    try {
      const begin = performance.now();
      const error: unknown = await putSample(session, 'second').then(() => undefined, (failed: unknown) => failed);
      expect(error).toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('nothing came from it') });
      expect(performance.now() - begin).toBeLessThan(15_000);
      const { pid } = (error as { details: { pid: number } }).details;
      pids = [pid];
      // It is stuck inside the system: the signal waits with it.
      expect(await readFile(`/proc/${pid}/stat`, 'latin1')).toMatch(/\) D /);
      // Another process reads what is there, and nothing else in this one is held up.
      expect(await readLength(session, 'first')).toBe(1000);
      await Promise.all(Array.from({ length: 8 }, () => readFile('/proc/self/stat')));
    } finally {
      await run('fsfreeze', ['--unfreeze', share]);
    }
    for (const pid of pids) await expect.poll(() => readFile(`/proc/${pid}/stat`, 'latin1').then((stat) => /\) Z /.test(stat), () => true), { timeout: 20_000 }).toBe(true);
    await expect.poll(() => putSample(session, 'second').then(() => true, () => false), { timeout: 20_000 }).toBe(true);
    expect(await lengthsOf(session)).toEqual({ first: 1000, second: 10 });
  } finally {
    await run('umount', ['-l', share]).catch(() => {});
    await run('losetup', ['--detach', loop]).catch(() => {});
  }
});

describe('a share of a server that is stopped', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ stateFolder: join(folder, 'lab'), toolsFolder });
    await lab.up(['sftp']);
  }, 60_000);
  afterAll(() => lab?.down(['sftp']));

  /** sshd, and the processes it has for its connections. */
  async function serverProcesses(): Promise<number[]> {
    const below = async (pid: number): Promise<number[]> => {
      const pids = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter((word) => word !== '').map(Number);
      return [pid, ...(await Promise.all(pids.map(below))).flat()];
    };
    return await below(lab.status()['sftp']!.pids['sshd']!);
  }

  test('holds up nobody for longer than agreed, in reading as in writing; the run goes on when it is back', { timeout: 120_000 }, async () => {
    const place = lab.place('sftp');
    const files = sftpFiles(place);
    const remote = `${sftpUser}@127.0.0.1:${files.data}`;
    const tool = join(toolsFolder, 'sshfs');
    const options = ['port', 'IdentityFile', 'UserKnownHostsFile', 'ssh_command'].map((name, i) => `${name}=${[place.ports['port'], files.key, files.knownHosts, join(toolsFolder, 'openssh', 'usr', 'bin', 'ssh')][i]}`);
    await run(join(tool, 'usr', 'bin', 'sshfs'), [remote, share, '-o', [...options, 'idmap=user', 'dir_cache=no'].join(',')], { env: { ...process.env, LD_LIBRARY_PATH: libraryFolders(tool).join(':') } });
    await using session = await open({ source: remote, fileSystemTypes: ['fuse.sshfs'], timeoutSeconds: 3 });
    await putSample(session, 'first', 3_000_000);
    const pids = await serverProcesses();
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      const begin = performance.now();
      const silent = { code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('nothing came from it') };
      await expect(readLength(session, 'first')).rejects.toMatchObject(silent);
      await expect(session.stat('first')).rejects.toMatchObject(silent);
      await expect(putSample(session, 'second')).rejects.toMatchObject(silent);
      await expect(open({ source: remote, fileSystemTypes: ['fuse.sshfs'], timeoutSeconds: 3 })).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
      expect(performance.now() - begin).toBeLessThan(40_000);
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
    await expect.poll(() => readLength(session, 'first').catch(() => 0), { timeout: 20_000 }).toBe(3_000_000);
    await putSample(session, 'second');
    expect(await lengthsOf(session)).toEqual({ first: 3_000_000, second: 10 });
    // Gone for good: sshfs unmounts itself.
    await lab.kill('sftp');
    await expect(putSample(session, 'third')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    await expect(putSample(session, 'third')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    expect(await beneath()).toEqual([]);
  });
});
