import { hash } from 'node:crypto';
import { chown, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { labUser } from '../../lab/asNobody.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { nfsFiles, type NfsFiles } from '../../lab/nfsFiles.ts';
import { SharedMemory } from '../../storage/native/sharedMemory.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { startFaultyProxy } from './faultyProxy.ts';
import { mountLoopDisk } from './loopDisk.ts';
import { fillDisk, fillQuota } from './fillDisk.ts';
import { loseRights } from './loseRights.ts';
import { openNfs } from './nfsPlace.ts';
import { putAnd } from './putAnd.ts';
import { putOverResets } from './putOverResets.ts';
import { mountQuotaDisk } from './quotaDisk.ts';
import { lengthsOf, putSample, readLength } from './sftpPlace.ts';
import { stopWaiting } from './stopWaiting.ts';

// Real faults of a real server, of the real (small) disk below it, and of the line. All of it needs root; without it these tests fail, they do not skip.
let folder: string;
let lab: Lab;
let files: NfsFiles;
let disk: Awaited<ReturnType<typeof mountLoopDisk>> | undefined;
const away = { code: 'E_DESTINATION_UNREACHABLE' };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-nfs-faults-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname });
  files = nfsFiles(lab.place('nfs'));
  // Before the server starts, which looks for disks then.
  disk = await mountLoopDisk(files.disk, 24 << 20);
  await lab.up(['nfs']);
}, 60_000);

afterAll(async () => {
  await lab?.down(['nfs']);
  await disk?.unmount();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const server = (): number => lab.status()['nfs']!.pids['ganesha']!;

test.each([900_000, 6_000_000])('a body that is not what was promised, or not any more when it comes to the child process, is refused, and nothing of it is left: %d bytes', async (length) => {
  await using session = await openNfs(lab, { path: 'promised' });
  const sample = sampleBody(length, 'sample');
  const refused = { code: 'E_CORRUPT', message: expect.stringContaining('instead of the promised') };
  await expect(session.put('object', sample.body(), { length, sha256: sampleBody(length, 'other').sha256 })).rejects.toMatchObject(refused);
  const write = SharedMemory.prototype.write;
  const damaging = vi.spyOn(SharedMemory.prototype, 'write').mockImplementationOnce(function (this: SharedMemory, block, bytes, from) {
    const other = Buffer.from(bytes);
    other[other.length >> 1]! ^= 1;
    write.call(this, block, other, from);
  });
  try {
    await expect(session.put('object', sample.body(), sample)).rejects.toMatchObject(refused);
    expect(damaging).toHaveBeenCalled();
  } finally {
    damaging.mockRestore();
  }
  expect(await Array.fromAsync(session.list(''))).toEqual([]);
  expect(await Array.fromAsync(session.unfinished())).toEqual([]);
  await session.put('object', sample.body(), sample);
  expect(hash('sha256', await readFile(join(files.data, 'promised', 'object')))).toBe(sample.sha256);
  await session.remove('object');
});

describe('the disk of the server', () => {
  test('that is full is said, nothing half is left, and writing goes on when there is space again', async () => {
    await using session = await openNfs(lab, {}, {}, 'disk');
    await fillDisk(session, join(files.disk, 'vault'), [14_000_000, 12_000_000], { details: { errno: 'ENOSPC' } });
    const { freeBytes, totalBytes } = await session.space();
    expect(freeBytes).toBeLessThan(12 << 20);
    expect(totalBytes).toBeLessThan(24 << 20);
  });

  test('that has a quota, which is used up, is said, and writing goes on when it is raised', async () => {
    await using quota = await mountQuotaDisk(join(files.data, 'quota'), labUser);
    // It looks for disks when it starts.
    await lab.restart('nfs');
    await using session = await openNfs(lab, { path: 'quota/vault' });
    await fillQuota(session, quota, { details: { errno: 'EDQUOT' } });
  });
});

describe('an export', () => {
  test('for reading only is read, and says so to who writes', async () => {
    for (const each of ['vault', 'vault/a']) {
      await mkdir(join(files.archive, each));
      await chown(join(files.archive, each), labUser!.uid, labUser!.gid);
    }
    await writeFile(join(files.archive, 'vault', 'a', 'b'), 'ten bytes.');
    await using session = await openNfs(lab, {}, {}, 'archive');
    expect(await lengthsOf(session)).toEqual({ 'a/b': 10 });
    expect(await readLength(session, 'a/b')).toBe(10);
    const readOnly = { code: 'E_DESTINATION_READ_ONLY', hint: expect.stringContaining('writable') };
    await expect(putSample(session, 'c')).rejects.toMatchObject(readOnly);
    await expect(session.remove('a/b')).rejects.toMatchObject(readOnly);
    await expect(session.sweep(0)).rejects.toMatchObject(readOnly);
    await expect(openNfs(lab, { path: 'other' }, {}, 'archive')).rejects.toMatchObject(readOnly);
  });

  test('that becomes read-only in the middle is said, and goes on when it is writable again', async () => {
    await using session = await openNfs(lab, { path: 'changing' });
    await putSample(session, 'first', 1000);
    const before = await readFile(files.configuration, 'utf8');
    const reload = async (configuration: string, outcome: () => Promise<boolean>): Promise<void> => {
      await writeFile(files.configuration, configuration);
      process.kill(server(), 'SIGHUP');
      await expect.poll(outcome, { timeout: 20_000 }).toBe(true);
    };
    const codeOf = (): Promise<string> => putSample(session, 'second').then(() => 'written', (error: { code: string }) => error.code);
    await reload(before.replace(/(Export_Id = 1;.*?Access_Type = )RW/, '$1RO'), async () => (await codeOf()) === 'E_DESTINATION_READ_ONLY');
    expect(await readLength(session, 'first')).toBe(1000);
    await reload(before, async () => (await codeOf()) === 'written');
    expect(await lengthsOf(session)).toEqual({ first: 1000, second: 10 });
  });

  test('that was removed and made anew is not taken for the old one', async () => {
    await using session = await openNfs(lab, { path: undefined, export: files.data });
    await putSample(session, 'first', 1000);
    await rm(files.data, { recursive: true });
    await mkdir(files.data);
    await chown(files.data, labUser!.uid, labUser!.gid);
    try {
      await expect(session.stat('first')).rejects.toMatchObject(away);
      await expect(putSample(session, 'second')).rejects.toMatchObject(away);
      await expect(lengthsOf(session)).rejects.toMatchObject(away);
    } finally {
      // The server exports the new one once it starts anew; this session goes on looking for the old one.
      await lab.restart('nfs');
    }
    await expect(session.stat('first')).rejects.toMatchObject(away);
    await expect(putSample(session, 'second')).rejects.toMatchObject(away);
    expect(await readdir(files.data)).toEqual([]);
    await using later = await openNfs(lab, { path: undefined });
    await putSample(later, 'second');
    expect(await lengthsOf(later)).toEqual({ second: 10 });
    await later.remove('second');
  });
});

test('rights that are lost in the middle are said, and what is there stays', async () => {
  await using session = await openNfs(lab, { path: 'rights' });
  await loseRights(session, join(files.data, 'rights'));
  await expect(openNfs(lab, { path: 'rights', uid: 12_345, gid: 12_345 })).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('user') });
});

test('a server that is killed in the middle fails what was under way, at once; the next request finds it again', async () => {
  await using session = await openNfs(lab, { path: 'killed' }, { writer: 'run-1' });
  await putSample(session, 'before', 5_000_000);
  const begin = performance.now();
  await expect(putAnd(session, 'object', 8_000_000, () => lab.kill('nfs', 'ganesha'))).rejects.toMatchObject(away);
  // Gone for good: everything says so, and soon.
  const sample = sampleBody(10, 'new');
  for (const ask of [() => session.stat('before'), () => session.put('new', sample.body(), sample), () => readLength(session, 'before'), () => lengthsOf(session), () => session.remove('before'), () => session.space(), () => session.sweep(0), () => openNfs(lab)]) {
    await expect(ask()).rejects.toMatchObject({ ...away, hint: expect.stringContaining('goes on by itself') });
  }
  expect(performance.now() - begin).toBeLessThan(40_000);
  await lab.up(['nfs']);
  await putSample(session, 'object', 8_000_000);
  expect(await lengthsOf(session)).toEqual({ before: 5_000_000, object: 8_000_000 });
  // The object that the dead connection left half; it goes at the end of its run.
  expect(await session.sweep(3_600_000)).toHaveLength(1);
  const reading = session.get('before')[Symbol.asyncIterator]();
  await reading.next();
  await lab.kill('nfs', 'ganesha');
  await lab.up(['nfs']);
  // What was asked for ahead may have come.
  const rest = async (): Promise<void> => { while ((await reading.next()).done !== true); };
  await rest().catch((error: unknown) => expect(error).toMatchObject(away));
  await expect.poll(() => readLength(session, 'before').catch(() => 0), { timeout: 10_000 }).toBe(5_000_000);
});

describe('a line', () => {
  const open = (port: number, changes: Record<string, unknown> = {}): Promise<StorageSession> => openNfs(lab, { nfsPort: port, path: 'line', connections: 1, ...changes });
  const port = (): number => lab.place('nfs').ports['nfs']!;

  test('that is reset every 3 MiB lets everything through in the end, by repeating what failed', async () => {
    await using proxy = await startFaultyProxy(port());
    proxy.resetAfter = 3 << 20;
    await using session = await open(proxy.port, { path: 'reset' });
    const failures = await putOverResets(session);
    expect(failures).toBeGreaterThanOrEqual(3);
    expect(proxy.connections).toBeGreaterThan(failures);
  });

  test('that turns a bit is noticed for small objects as they are stored; large ones are found by whoever knows their digest', async () => {
    await using proxy = await startFaultyProxy(port());
    await using session = await open(proxy.port, { path: 'flip' });
    for (const way of ['up', 'down'] as const) {
      proxy.flip = { way, after: 300_000 };
      await expect(putSample(session, 'small', 900_000)).rejects.toMatchObject({ ...away, message: expect.stringContaining('came back different'), hint: expect.stringContaining('damages') });
      expect(proxy.flip).toBeUndefined();
      expect(await session.stat('small')).toBeUndefined();
    }
    await putSample(session, 'small', 900_000);
    const sample = sampleBody(3_000_000, 'large');
    proxy.flip = { way: 'up', after: 1_500_000 };
    await session.put('large', sample.body(), sample);
    const stored = await readFile(join(files.data, 'flip', 'large'));
    const sent = Buffer.concat(await Array.fromAsync(sample.body()));
    // The protocol has no checksum: this is why a run reads every pack back.
    expect(stored.length).toBe(sent.length);
    expect(stored.equals(sent)).toBe(false);
    await session.put('large', sample.body(), sample);
    expect((await readFile(join(files.data, 'flip', 'large'))).equals(sent)).toBe(true);
  });

  test('on which nothing comes back any more is given up after a while; one that is idle is not', async () => {
    await using proxy = await startFaultyProxy(port());
    await using session = await open(proxy.port, { timeoutSeconds: 2 });
    await putSample(session, 'before');
    await sleep(2700);
    await putSample(session, 'before');
    expect(proxy.connections).toBe(1);
    const begin = performance.now();
    await expect(putAnd(session, 'stalled', 6_000_000, async () => { proxy.stalled = true; })).rejects.toMatchObject({ ...away, message: expect.stringContaining('nothing came') });
    expect(performance.now() - begin).toBeLessThan(15_000);
    await expect(open(proxy.port, { timeoutSeconds: 2 })).rejects.toMatchObject(away);
    proxy.stalled = false;
    await putSample(session, 'stalled', 1000);
  });

  test('that is silent holds up nobody who stops waiting', async () => {
    await using proxy = await startFaultyProxy(port());
    await using session = await open(proxy.port, { path: 'silent' });
    await putSample(session, 'before', 300_000);
    proxy.stalled = true;
    await stopWaiting(session, 4000);
    proxy.stalled = false;
    await expect.poll(() => session.stat('before').then((found) => found?.length), { timeout: 10_000 }).toBeUndefined();
    await expect.poll(() => readdir(join(files.data, 'silent', '.tmp')), { timeout: 10_000 }).toEqual([]);
  });

  test('that is slow is no fault, however long it takes', async () => {
    await using proxy = await startFaultyProxy(port());
    await using session = await open(proxy.port, { timeoutSeconds: 4 });
    proxy.bytesPerSecond = 1_500_000;
    const begin = performance.now();
    await putSample(session, 'slow', 9_000_000);
    expect(performance.now() - begin).toBeGreaterThan(5000);
    expect(proxy.connections).toBe(1);
    proxy.bytesPerSecond = undefined;
    expect(await readLength(session, 'slow')).toBe(9_000_000);
  });
});
