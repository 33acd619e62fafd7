import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, readlink, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { labUser } from '../../lab/asNobody.ts';
import { cifsFiles } from '../../lab/cifsFiles.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { openCifs } from './cifsPlace.ts';
import { fillDisk, fillQuota } from './fillDisk.ts';
import { putAnd } from './putAnd.ts';
import { mountQuotaDisk } from './quotaDisk.ts';
import { lengthsOf, putSample, readLength } from './sftpPlace.ts';
import { untilReached } from './untilReached.ts';

// Real faults of a real server, of a real (small) file system below it and of the line. Mounting needs root; without it these tests fail, they do not skip.
const run = promisify(execFile);
const mounted: string[] = [];
let folder: string;
let lab: Lab;
let data: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-cifs-faults-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname });
  data = cifsFiles(lab.place('cifs')).data;
}, 60_000);

beforeEach(() => lab.up(['cifs']), 60_000);

afterEach(async () => {
  for (const each of mounted.splice(0)) await run('umount', ['-l', each]).catch(() => {});
});

afterAll(async () => {
  await lab?.down(['cifs']);
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const unreachable = { code: 'E_DESTINATION_UNREACHABLE' };

/** A file system of 8 MiB in the share; the destination is `disk/vault` there. */
async function mountDisk(): Promise<string> {
  const disk = join(data, 'disk');
  await mkdir(disk, { recursive: true });
  if (labUser !== undefined) await chown(disk, labUser.uid, labUser.gid);
  await run('mount', ['-t', 'tmpfs', '-o', `size=8m,mode=0700,uid=${labUser?.uid ?? process.getuid!()}`, 'tmpfs', disk]);
  mounted.push(disk);
  return disk;
}

/** Child processes of this one that have libsmbclient in them. */
async function childrenOf(): Promise<number[]> {
  const pids = (await readFile(`/proc/self/task/${process.pid}/children`, 'utf8')).split(' ').filter((word) => word !== '').map(Number);
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return pids.filter((_, i) => lines[i]!.includes('cifsChild'));
}

describe('a server', () => {
  test('that is killed in the middle fails what was under way; the next request finds it again when it is back, and what was left half is swept', { timeout: 120_000 }, async () => {
    await using session = await openCifs(lab, { path: 'killed' }, { writer: 'run-1' });
    await putSample(session, 'before', 5_000_000);
    await expect(putAnd(session, 'object', 40_000_000, () => lab.kill('cifs'))).rejects.toMatchObject(unreachable);
    await expect(session.stat('before')).rejects.toMatchObject(unreachable);
    await expect(session.stat('before')).rejects.toMatchObject({ ...unreachable, message: expect.stringContaining('ECONNREFUSED') });
    await expect(openCifs(lab, { path: 'killed' })).rejects.toMatchObject(unreachable);
    await lab.up(['cifs']);
    await untilReached(() => putSample(session, 'object', 8_000_000));
    expect(await lengthsOf(session)).toEqual({ before: 5_000_000, object: 8_000_000 });
    expect(await session.sweep(3_600_000)).toHaveLength(1);
    const reading = session.get('before')[Symbol.asyncIterator]();
    await reading.next();
    await lab.restart('cifs');
    await (async () => { while ((await reading.next()).done !== true); })().then(() => {}, (error: unknown) => expect(error).toMatchObject(unreachable));
    expect(await untilReached(() => readLength(session, 'before'))).toBe(5_000_000);
    expect(await readdir(join(data, 'killed', '.tmp'))).toEqual([]);
  });

  test('that is frozen is given up after the agreed time, the process here goes on, and so does the work when it thaws', { timeout: 120_000 }, async () => {
    await using session = await openCifs(lab, { path: 'frozen', timeoutSeconds: 3 });
    await putSample(session, 'before', 1000);
    const pids = await serverProcesses();
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      const begin = performance.now();
      await expect(putSample(session, 'object', 1000)).rejects.toMatchObject(unreachable);
      await expect(openCifs(lab, { path: 'frozen', timeoutSeconds: 3 })).rejects.toMatchObject(unreachable);
      expect(performance.now() - begin).toBeLessThan(30_000);
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
    await untilReached(() => putSample(session, 'object', 1000));
    expect(await untilReached(() => lengthsOf(session))).toEqual({ before: 1000, object: 1000 });
  });

  test.each(['SIGKILL', 'SIGSEGV'] as const)('costs nobody but one request when the process that speaks to it ends by %s in the middle of a write', { timeout: 60_000 }, async (signal) => {
    await using session = await openCifs(lab, { path: signal.toLowerCase() });
    const failed: unknown = await putAnd(session, 'object', 20_000_000, async () => { for (const pid of await childrenOf()) process.kill(pid, signal); }).then(() => undefined, (error: unknown) => error);
    expect(failed).toMatchObject({ ...unreachable, message: expect.stringContaining(signal) });
    await putSample(session, 'object', 2000);
    expect(await lengthsOf(session)).toEqual({ object: 2000 });
  });

  test('that is left leaves no process and no memory here', async () => {
    const shared = async (): Promise<number> => (await Promise.all((await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))).filter((path) => path.includes('memfd:mrs-backup')).length;
    expect(await shared()).toBe(0);
    const session = await openCifs(lab, { path: 'left' });
    await Promise.all(Array.from({ length: 6 }, (_, i) => putSample(session, `a${i}`, 500_000)));
    expect((await childrenOf()).length).toBeGreaterThan(1);
    expect(await shared()).toBeGreaterThan(1);
    await session[Symbol.asyncDispose]();
    await expect.poll(childrenOf, { timeout: 20_000 }).toEqual([]);
    expect(await shared()).toBe(0);
    await expect(session.stat('a0')).rejects.toMatchObject(unreachable);
  });
});

/** smbd, and the processes it has for its connections. */
async function serverProcesses(): Promise<number[]> {
  const first = lab.status()['cifs']!.pids['smbd']!;
  return [first, ...(await readFile(`/proc/${first}/task/${first}/children`, 'utf8')).split(' ').filter((word) => word !== '').map(Number)];
}

describe('a disk of the server', () => {
  test('that is full is said, nothing half is left, and writing goes on when there is space again', { timeout: 60_000 }, async () => {
    const disk = await mountDisk();
    await using session = await openCifs(lab, { path: 'disk/vault' });
    await fillDisk(session, join(disk, 'vault'), [4_000_000, 6_000_000]);
  });

  test('that has a quota, which is used up, is said, and writing goes on when it is raised', { timeout: 60_000 }, async () => {
    await using quota = await mountQuotaDisk(join(data, 'quota'), labUser);
    await using session = await openCifs(lab, { path: 'quota/vault' });
    // Samba tells of a quota as of a full disk.
    await fillQuota(session, quota, { hint: expect.stringContaining('raise the quota'), details: { errno: 'ENOSPC' } });
  });

  test('that became read-only is said, and is still read', async () => {
    const disk = await mountDisk();
    await using session = await openCifs(lab, { path: 'disk/vault' });
    await putSample(session, 'first', 1000);
    await run('mount', ['-o', 'remount,ro', disk]);
    await expect(putSample(session, 'second')).rejects.toMatchObject({ code: 'E_DESTINATION_READ_ONLY' });
    await expect(session.remove('first')).rejects.toMatchObject({ code: 'E_DESTINATION_READ_ONLY' });
    await using later = await openCifs(lab, { path: 'disk/vault' });
    expect(await readLength(later, 'first')).toBe(1000);
    await run('mount', ['-o', 'remount,rw', disk]);
    await putSample(session, 'second');
    expect(await lengthsOf(session)).toEqual({ first: 1000, second: 10 });
  });

  test('that is unmounted under a running write is said, and nothing goes into the folder beneath', async () => {
    const disk = await mountDisk();
    await using session = await openCifs(lab, { path: 'disk' });
    await putSample(session, 'first', 1000);
    await run('umount', ['-l', disk]);
    const other = { ...unreachable, hint: expect.stringContaining('unmounted') };
    await expect(putSample(session, 'second')).rejects.toMatchObject(other);
    await expect(session.stat('first')).rejects.toMatchObject(other);
    await expect(lengthsOf(session)).rejects.toMatchObject(other);
    expect((await readdir(disk, { recursive: true })).filter((name) => name !== '.tmp')).toEqual([]);
  });
});

test('rights that are lost in the middle are said, and what is there stays', async () => {
  await using session = await openCifs(lab, { path: 'rights' });
  await putSample(session, 'a/first', 1000);
  const root = join(data, 'rights');
  await chmod(join(root, 'a'), 0o500);
  await expect(putSample(session, 'a/second')).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED' });
  await expect(session.remove('a/first')).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED' });
  await chmod(join(root, '.tmp'), 0o500);
  await expect(putSample(session, 'b')).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED' });
  expect(await lengthsOf(session)).toEqual({ 'a/first': 1000 });
  await chmod(join(root, '.tmp'), 0o700);
  await session.sweep(0);
  expect(await readdir(join(root, '.tmp'))).toEqual([]);
});

test('a folder that was replaced on the server is not taken for the old one', async () => {
  await using session = await openCifs(lab, { path: 'replaced' });
  await putSample(session, 'first');
  await rename(join(data, 'replaced'), join(data, 'replaced.away'));
  await expect(putSample(session, 'second')).rejects.toMatchObject({ ...unreachable, message: expect.stringContaining('gone') });
  await mkdir(join(data, 'replaced'));
  if (labUser !== undefined) await chown(join(data, 'replaced'), labUser.uid, labUser.gid);
  await expect(putSample(session, 'second')).rejects.toMatchObject({ ...unreachable, message: expect.stringContaining('not the folder it was') });
  await expect(session.stat('first')).rejects.toMatchObject(unreachable);
  await rm(join(data, 'replaced'), { recursive: true });
  await rename(join(data, 'replaced.away'), join(data, 'replaced'));
  await putSample(session, 'second');
  expect(Object.keys(await lengthsOf(session))).toEqual(['first', 'second']);
});

test('what a writer that died left is swept by age, and by the name of its run', async () => {
  await using session = await openCifs(lab, { path: 'swept' }, { writer: 'run-7' });
  await putSample(session, 'kept');
  const session2 = await openCifs(lab, { path: 'swept' }, { writer: 'run-7' });
  const put = putAnd(session2, 'lost', 20_000_000, async () => {
    // In use: SMB lets nobody remove it, and it is no leftover.
    expect((await Array.fromAsync(session.unfinished())).map(({ writer }) => writer)).toEqual(['run-7']);
    expect(await session.sweep(0)).toEqual([]);
    await session2[Symbol.asyncDispose]();
  });
  await expect(put).rejects.toMatchObject(unreachable);
  await using other = await openCifs(lab, { path: 'swept' }, { writer: 'run-8' });
  await expect.poll(() => other.sweep(3_600_000), { timeout: 20_000 }).toEqual([]);
  await expect.poll(async () => (await session.sweep(3_600_000)).length, { timeout: 20_000 }).toBe(1);
  expect(await lengthsOf(session)).toEqual({ kept: 10 });
});
