import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { localDir } from '../../storage/localDir.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { fillQuota } from './fillDisk.ts';
import { mountQuotaDisk } from './quotaDisk.ts';

// Real faults of a real file system: a small tmpfs of its own. Mounting needs root; without it these tests fail, they do not skip.
const run = promisify(execFile);
let mountPoint: string;

beforeEach(async () => {
  mountPoint = await mkdtemp(join(tmpdir(), 'mrs-backup-faults-'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'tmpfs', mountPoint]);
});

afterEach(async () => {
  await run('umount', ['-l', mountPoint]).catch(() => {});
  await rm(mountPoint, { recursive: true, force: true });
});

async function open(): Promise<StorageSession> {
  return await localDir.open({ type: 'LocalDir', path: join(mountPoint, 'vault') }, { name: 'vault', readSecret: async () => '' });
}

async function put(session: StorageSession, key: string, length: number): Promise<void> {
  const sample = sampleBody(length, key);
  await session.put(key, sample.body(), sample);
}

async function lengthsOf(session: StorageSession): Promise<Record<string, number>> {
  const lengths: Record<string, number> = {};
  for await (const { key, length } of session.list('')) lengths[key] = length;
  return lengths;
}

test('a full file system is said, nothing half is left, and writing goes on when there is space again', async () => {
  await using session = await open();
  await put(session, 'first', 2_000_000);
  expect((await session.space()).freeBytes).toBeLessThan(2_500_000);
  await expect(put(session, 'second', 3_000_000)).rejects.toMatchObject({ code: 'E_DESTINATION_FULL' });
  expect(await lengthsOf(session)).toEqual({ first: 2_000_000 });
  expect(await readdir(join(mountPoint, 'vault', '.tmp'))).toEqual([]);
  await session.remove('first');
  await put(session, 'second', 3_000_000);
  expect(await lengthsOf(session)).toEqual({ second: 3_000_000 });
});

test('a quota that is used up is said, however much space the disk has, and writing goes on when it is raised', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mrs-backup-quota-'));
  try {
    await using quota = await mountQuotaDisk(join(folder, 'disk'));
    await using session = await localDir.open({ type: 'LocalDir', path: join(quota.path, 'vault') }, { name: 'vault', readSecret: async () => '' });
    await fillQuota(session, quota, { details: { errno: 'EDQUOT' } });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a file system that became read-only is said, and is still read', async () => {
  await using session = await open();
  await put(session, 'first', 1000);
  await run('mount', ['-o', 'remount,ro', mountPoint]);
  await expect(put(session, 'second', 10)).rejects.toMatchObject({ code: 'E_DESTINATION_READ_ONLY' });
  await expect(session.remove('first')).rejects.toMatchObject({ code: 'E_DESTINATION_READ_ONLY' });
  await expect(session.sweep(0)).rejects.toMatchObject({ code: 'E_DESTINATION_READ_ONLY' });
  expect(await lengthsOf(session)).toEqual({ first: 1000 });
  await using later = await open();
  expect(await later.stat('first')).toEqual({ length: 1000 });
  await run('mount', ['-o', 'remount,rw', mountPoint]);
  await put(session, 'second', 10);
});

test('an unmount under a running write is said, and nothing goes into the folder beneath', async () => {
  await using session = await open();
  await put(session, 'first', 1000);
  const sample = sampleBody(3_000_000, 'second');
  const body = async function* (): AsyncGenerator<Uint8Array> {
    let blocks = 0;
    for await (const block of sample.body()) {
      if (++blocks === 2) await run('umount', ['-l', mountPoint]);
      yield block;
    }
  };
  await expect(session.put('second', body(), sample)).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  await expect(session.stat('first')).resolves.toEqual({ length: 1000 });
  await expect(session.stat('second')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  await expect(lengthsOf(session)).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  expect(await readdir(mountPoint)).toEqual([]);
});

test('a destination that is not mounted is on the root file system, or not there: refused either way, and not made', async () => {
  await run('umount', [mountPoint]);
  await expect(open()).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
  expect(await readdir(mountPoint)).toEqual([]);
});

test('what was put survives a power cut, with the folders above it', { timeout: 60_000 }, async () => {
  // A disk in a file: a copy of the file is what the disk would hold if the power went now. Nothing reaches it by itself within the time of the test.
  const image = `${mountPoint}.img`;
  const copy = `${mountPoint}.copy`;
  const disk = await mkdtemp(join(tmpdir(), 'mrs-backup-disk-'));
  try {
    await run('truncate', ['-s', '48M', image]);
    await run('mkfs.ext4', ['-q', image]);
    await run('mount', ['-o', 'loop,commit=3600', image, disk]);
    const session = await localDir.open({ type: 'LocalDir', path: join(disk, 'vault') }, { name: 'vault', readSecret: async () => '' });
    const sizes = { 'small': 10, 'sets/prod/nightly/manifest': 3000, 'packs/00/large': 9_000_000 };
    for (const [key, length] of Object.entries(sizes)) await put(session, key, length);
    await put(session, 'small', 77);
    // What tells this test from one that would pass anyway: the same without a sync is lost.
    await writeFile(join(disk, 'vault', 'unsynced'), 'x'.repeat(3000));
    await run('cp', ['--sparse=always', image, copy]);
    await session[Symbol.asyncDispose]();
    await run('umount', [disk]);
    await run('mount', ['-o', 'loop', copy, disk]);
    await using later = await localDir.open({ type: 'LocalDir', path: join(disk, 'vault') }, { name: 'vault', readSecret: async () => '' });
    expect(await lengthsOf(later)).toEqual({ ...sizes, small: 77 });
    for (const [key, length] of Object.entries({ ...sizes, small: 77 })) expect(Buffer.concat(await Array.fromAsync(later.get(key))).equals(Buffer.concat(await Array.fromAsync(sampleBody(length, key).body())))).toBe(true);
  } finally {
    await run('umount', ['-l', disk]).catch(() => {});
    for (const each of [image, copy, disk]) await rm(each, { recursive: true, force: true });
  }
});
