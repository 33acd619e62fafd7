import { execFile } from 'node:child_process';
import { chown, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { labUser } from '../../lab/asNobody.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { sftpFiles, sftpFingerprint } from '../../lab/sftpKeys.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { startFaultyProxy } from './faultyProxy.ts';
import { fillDisk, fillQuota } from './fillDisk.ts';
import { loseRights } from './loseRights.ts';
import { putAnd } from './putAnd.ts';
import { putOverResets } from './putOverResets.ts';
import { mountQuotaDisk } from './quotaDisk.ts';
import { lengthsOf, openSftp, putSample, readLength } from './sftpPlace.ts';
import { stopWaiting } from './stopWaiting.ts';

// Real faults of real servers, of a real (small) file system below them and of the line. Mounting needs root; without it these tests fail, they do not skip.
const run = promisify(execFile);
const mounted: string[] = [];
let folder: string;
let lab: Lab;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-sftp-faults-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname });
  await lab.up(['sftp', 'sftp-plain']);
}, 60_000);

afterEach(async () => {
  for (const each of mounted.splice(0)) await run('umount', ['-l', each]).catch(() => {});
});

afterAll(async () => {
  await lab?.down(['sftp', 'sftp-plain']);
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** A file system of 8 MiB in the folder of a server; the destination is `disk/vault` there. */
async function mountDisk(server: 'sftp' | 'sftp-plain'): Promise<string> {
  const disk = join(sftpFiles(lab.place(server)).data, 'disk');
  await mkdir(disk, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `size=8m,mode=0700,uid=${labUser?.uid ?? process.getuid!()}`, 'tmpfs', disk]);
  mounted.push(disk);
  return disk;
}

describe.each([['sftp', 'disk/vault'], ['sftp-plain', '/disk/vault']] as const)('a disk of %s', (server, path) => {
  test('that is full is said, nothing half is left, and writing goes on when there is space again', async () => {
    const disk = await mountDisk(server);
    await using session = await openSftp(lab, server, { path });
    await fillDisk(session, join(disk, 'vault'), [4_000_000, 6_000_000]);
  });

  test('that has a quota, which is used up, is said as far as the server tells, and writing goes on when it is raised', async () => {
    await using quota = await mountQuotaDisk(join(sftpFiles(lab.place(server)).data, 'quota'), labUser);
    await using session = await openSftp(lab, server, { path: path.replace('disk', 'quota') });
    // OpenSSH has one status for all that goes wrong, and the space it tells is that of the disk.
    const told = server === 'sftp' ? { code: 'E_DESTINATION_UNREACHABLE', message: expect.stringMatching(/^the server says only “Failure”, although \d{9} bytes are free/), hint: expect.stringContaining('a quota of the user') } : { hint: expect.stringContaining('a quota') };
    await fillQuota(session, quota, told);
  });

  test('that became read-only is said, as far as the server tells, and is still read', async () => {
    const disk = await mountDisk(server);
    await using session = await openSftp(lab, server, { path });
    await putSample(session, 'first', 1000);
    await run('mount', ['-o', 'remount,ro', disk]);
    const code = server === 'sftp' ? 'E_DESTINATION_READ_ONLY' : 'E_DESTINATION_FULL';
    await expect(putSample(session, 'second')).rejects.toMatchObject({ code, hint: expect.stringMatching(/writable|read-only/) });
    await expect(session.sweep(0)).rejects.toMatchObject({ code });
    await expect(session.remove('first')).rejects.toMatchObject({ code: server === 'sftp' ? 'E_DESTINATION_READ_ONLY' : 'E_DESTINATION_UNREACHABLE' });
    await using later = await openSftp(lab, server, { path });
    expect(await readLength(later, 'first')).toBe(1000);
    await run('mount', ['-o', 'remount,rw', disk]);
    await putSample(session, 'second');
    expect(await lengthsOf(session)).toEqual({ first: 1000, second: 10 });
  });
});

test('a disk that is unmounted under a running write is said, and nothing goes into the folder beneath', async () => {
  const disk = await mountDisk('sftp');
  await chown(disk, labUser?.uid ?? -1, labUser?.gid ?? -1);
  await using session = await openSftp(lab, 'sftp', { path: 'disk' });
  await putSample(session, 'first', 1000);
  await run('umount', ['-l', disk]);
  await chown(disk, labUser?.uid ?? process.getuid!(), labUser?.gid ?? process.getgid!());
  const other = { code: 'E_DESTINATION_UNREACHABLE', hint: expect.stringContaining('mount') };
  await expect(putSample(session, 'second')).rejects.toMatchObject(other);
  await expect(session.stat('first')).rejects.toMatchObject(other);
  await expect(lengthsOf(session)).rejects.toMatchObject(other);
  // What a waiting run does again and again.
  await using later = await openSftp(lab, 'sftp', { path: 'disk' }, { mustExist: true });
  expect(await later.stat('first')).toBeUndefined();
  expect(await readdir(disk)).toEqual([]);
});

test('a second connection that would lead into the folder beneath an unmounted disk is not used', async () => {
  const disk = await mountDisk('sftp');
  await chown(disk, labUser?.uid ?? -1, labUser?.gid ?? -1);
  await using proxy = await startFaultyProxy(lab.place('sftp').ports['port']!);
  await using session = await openSftp(lab, 'sftp', { port: proxy.port, knownHosts: undefined, hostKey: await sftpFingerprint(lab.place('sftp')), path: 'disk' });
  let second: unknown;
  const first = putAnd(session, 'first', 4_200_000, async () => {
    await run('umount', ['-l', disk]);
    await chown(disk, labUser?.uid ?? process.getuid!(), labUser?.gid ?? process.getgid!());
    second = await putSample(session, 'second', 4_200_000).catch((error: unknown) => error);
  });
  await expect(first).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  expect(proxy.connections).toBe(2);
  expect(second).toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', hint: expect.stringContaining('mount') });
  expect(await readdir(disk)).toEqual([]);
});

test('rights that are lost in the middle are said, and what is there stays', async () => {
  await using session = await openSftp(lab, 'sftp', { path: 'rights' });
  await loseRights(session, join(sftpFiles(lab.place('sftp')).data, 'rights'));
});

test('a key that the server no longer takes is said when the connection is made anew, and is taken again', async () => {
  await using proxy = await startFaultyProxy(lab.place('sftp').ports['port']!);
  await using session = await openSftp(lab, 'sftp', { port: proxy.port, knownHosts: undefined, hostKey: await sftpFingerprint(lab.place('sftp')), path: 'withdrawn' });
  await putSample(session, 'first', 1000);
  const { authorizedKeys } = sftpFiles(lab.place('sftp'));
  await rename(authorizedKeys, `${authorizedKeys}.away`);
  try {
    proxy.resetAfter = 0;
    await expect(putSample(session, 'second')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    proxy.resetAfter = undefined;
    await expect(putSample(session, 'second')).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('privateKey') });
  } finally {
    await rename(`${authorizedKeys}.away`, authorizedKeys);
  }
  await putSample(session, 'second');
  expect(await lengthsOf(session)).toEqual({ first: 1000, second: 10 });
});

test('a server that is killed in the middle fails what was under way, at once; the next request finds it again', async () => {
  await using session = await openSftp(lab, 'sftp', { path: 'killed' }, { writer: 'run-1' });
  await putSample(session, 'before', 5_000_000);
  await expect(putAnd(session, 'object', 8_000_000, () => lab.kill('sftp'))).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  await expect(session.stat('before')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('ECONNREFUSED') });
  await lab.up(['sftp']);
  await putSample(session, 'object', 8_000_000);
  expect(await lengthsOf(session)).toEqual({ before: 5_000_000, object: 8_000_000 });
  // The object that the dead connection left half; it goes at the end of its run.
  expect(await session.sweep(3_600_000)).toHaveLength(1);
  const reading = session.get('before')[Symbol.asyncIterator]();
  await reading.next();
  await lab.restart('sftp');
  await expect((async () => { while ((await reading.next()).done !== true); })()).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  expect(await readLength(session, 'before')).toBe(5_000_000);
});

test('a server that lives, but whose disk does not answer, is given up after a while', { timeout: 30_000 }, async () => {
  await using session = await openSftp(lab, 'sftp-plain', { path: '/hanging', timeoutSeconds: 2 });
  await putSample(session, 'before', 1000);
  // Whoever opens it waits for its other end; another thread of the server answers the signs of life.
  await run('mkfifo', [join(sftpFiles(lab.place('sftp-plain')).data, 'hanging', 'pipe')]);
  await expect(readLength(session, 'pipe')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('the server lives, but answered no request for 2 s') });
  expect(await readLength(session, 'before')).toBe(1000);
});

describe('a line', () => {
  const open = (port: number, changes: Record<string, unknown> = {}): Promise<StorageSession> => openSftp(lab, 'sftp', { port, knownHosts: undefined, hostKey: fingerprint, path: 'line', ...changes });
  let fingerprint: string;
  beforeAll(async () => {
    fingerprint = await sftpFingerprint(lab.place('sftp'));
  });

  test('that is reset every 3 MiB lets everything through in the end, by repeating what failed', async () => {
    await using proxy = await startFaultyProxy(lab.place('sftp').ports['port']!);
    proxy.resetAfter = 3 << 20;
    await using session = await open(proxy.port, { path: 'reset' });
    const failures = await putOverResets(session);
    expect(failures).toBeGreaterThanOrEqual(3);
    expect(proxy.connections).toBeGreaterThan(failures);
  });

  test.each(['up', 'down'] as const)('that turns a bit on the way %s is noticed: nothing wrong is stored or read, and it is worth another try', async (way) => {
    await using proxy = await startFaultyProxy(lab.place('sftp').ports['port']!);
    await using session = await open(proxy.port, { path: `flip-${way}` });
    await putSample(session, way, 2_000_000);
    proxy.flip = { way, after: 700_000 };
    const outcome = await (way === 'up' ? putSample(session, 'more', 3_000_000) : readLength(session, way)).then(() => undefined, (error: unknown) => error);
    expect(outcome).toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    // On the way up it is the server that notices, and closes the connection.
    if (way === 'down') expect(outcome).toMatchObject({ hint: expect.stringContaining('damages data') });
    expect(proxy.flip).toBeUndefined();
    expect(await session.stat('more')).toBeUndefined();
    await putSample(session, 'more', 3_000_000);
    expect(await readLength(session, 'more')).toBe(3_000_000);
    expect(await readLength(session, way)).toBe(2_000_000);
  });

  test('on which nothing comes back any more is given up after a while', async () => {
    await using proxy = await startFaultyProxy(lab.place('sftp').ports['port']!);
    await using session = await open(proxy.port, { timeoutSeconds: 2 });
    await putSample(session, 'before');
    // Idle is not silent.
    await new Promise((resolve) => setTimeout(resolve, 2700));
    expect(proxy.connections).toBe(1);
    const begin = performance.now();
    await expect(putAnd(session, 'stalled', 6_000_000, async () => { proxy.stalled = true; })).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('nothing came') });
    expect(performance.now() - begin).toBeLessThan(8000);
    await expect(open(proxy.port, { timeoutSeconds: 2 })).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    proxy.stalled = false;
    await putSample(session, 'stalled', 1000);
  });

  test('that is silent holds up nobody who stops waiting', async () => {
    await using proxy = await startFaultyProxy(lab.place('sftp').ports['port']!);
    await using session = await open(proxy.port, { path: 'silent' });
    await putSample(session, 'before', 300_000);
    proxy.stalled = true;
    await stopWaiting(session, 4000);
    proxy.stalled = false;
    await expect.poll(() => session.stat('before').then((found) => found?.length)).toBeUndefined();
    await expect.poll(() => readdir(join(sftpFiles(lab.place('sftp')).data, 'silent', '.tmp'))).toEqual([]);
  });

  test('that is slow is no fault, however long it takes', async () => {
    await using proxy = await startFaultyProxy(lab.place('sftp').ports['port']!);
    await using session = await open(proxy.port, { timeoutSeconds: 2 });
    proxy.bytesPerSecond = 1_500_000;
    const begin = performance.now();
    await putSample(session, 'slow', 5_000_000);
    expect(performance.now() - begin).toBeGreaterThan(2500);
    expect(proxy.connections).toBe(1);
    proxy.bytesPerSecond = undefined;
    expect(await readLength(session, 'slow')).toBe(5_000_000);
  });
});
