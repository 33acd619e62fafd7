import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLimiter, emptyCounts, metered, readOnly, throttled } from '../../storage/layers.ts';
import { localDir } from '../../storage/localDir.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';

let folder: string;
let session: StorageSession;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-layers-'));
  session = await localDir.open({ type: 'LocalDir', path: folder, allowRootFileSystem: true }, { name: 'vault', readSecret: async () => '' });
});
afterEach(async () => {
  await session[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function read(from: StorageSession, key: string): Promise<number> {
  let bytes = 0;
  for await (const chunk of from.get(key)) bytes += chunk.length;
  return bytes;
}

test('writers and readers share one limit', async () => {
  const slow = throttled(session, createLimiter({ bytesPerSecond: 4_000_000 }));
  const sample = sampleBody(1_000_000, 'a');
  await slow.put('a', sample.body(), sample);
  const seconds = await secondsOf(() => Promise.all([slow.put('b', sample.body(), sample), read(slow, 'a'), read(slow, 'a')]));
  expect(seconds).toBeGreaterThan(0.6);
  expect(seconds).toBeLessThan(2);
});

test('a new rate holds for those who wait already, and an abort ends the wait', async () => {
  const limiter = createLimiter({ bytesPerSecond: 1000 });
  const slow = throttled(session, limiter);
  const sample = sampleBody(1_000_000, 'a');
  setTimeout(() => limiter.setRate(undefined), 100);
  expect(await secondsOf(() => slow.put('a', sample.body(), sample))).toBeLessThan(2);
  limiter.setRate(1000);
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error('stop')), 100);
  await expect(slow.put('b', sample.body(), sample, abort.signal)).rejects.toThrow('stop');
  expect(await session.stat('b')).toBeUndefined();
});

test('requests and bytes are counted by verb', async () => {
  const counts = emptyCounts();
  const counted = metered(session, counts);
  const sample = sampleBody(1_500_000, 'a');
  await counted.put('a', sample.body(), sample);
  await read(counted, 'a');
  await expect(read(counted, 'missing')).rejects.toMatchObject({ code: 'E_OBJECT_NOT_FOUND' });
  await counted.stat('a');
  await counted.remove('a');
  expect(counts).toMatchObject({ put: { requests: 1, bytes: 1_500_000, failures: 0 }, get: { requests: 2, bytes: 1_500_000, failures: 1 }, stat: { requests: 1 }, remove: { requests: 1 } });
});

test('a read-only session changes nothing', async () => {
  const sample = sampleBody(10, 'a');
  await session.put('a', sample.body(), sample);
  const safe = readOnly(session);
  await expect(safe.put('b', sample.body(), sample)).rejects.toMatchObject({ code: 'E_UNSUPPORTED' });
  await expect(safe.remove('a')).rejects.toMatchObject({ code: 'E_UNSUPPORTED' });
  await expect(safe.sweep(0)).rejects.toMatchObject({ code: 'E_UNSUPPORTED' });
  expect(await read(safe, 'a')).toBe(10);
});
