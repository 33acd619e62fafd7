import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFramePool, type FramePool } from '../../backupset/framePool.ts';
import { createRepository, type Repository } from '../../backupset/repository.ts';
import type { IndexedEntry } from '../../backupset/piece.ts';
import { localTreeSource } from '../../bench/localTreeSource.ts';
import type { SourceSession } from '../../components/dataSource.ts';
import type { CopyTask, ShardCopied } from '../../contracts/activities.ts';
import { localDir } from '../../storage/localDir.ts';
import { copyShard } from '../../transfer/copyShard.ts';
import { planShards } from '../../transfer/planShards.ts';
import { copiedEntries } from '../../transfer/shardEntries.ts';

const chunk = 64 << 10;
let folder: string;
let pool: FramePool;
let repository: Repository;
let source: SourceSession;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-resume-'));
  await mkdir(join(folder, 'tree', 'd'), { recursive: true });
  // Larger than a pack, so that receipts stand in the middle of it too; and small ones on both sides.
  await writeFile(join(folder, 'tree', 'large'), randomBytes(11 * chunk + 100));
  for (let i = 0; i < 40; i++) await writeFile(join(folder, 'tree', i % 2 === 0 ? 'd' : '.', `small-${i}`), randomBytes(i * 700));
  pool = createFramePool({ threads: 2 });
  repository = await createRepository(await localDir.open({ type: 'LocalDir', path: join(folder, 'vault'), allowRootFileSystem: true }, { name: 'vault', readSecret: async () => '' }), { chunkBytes: chunk, packBytes: 256 << 10 });
  source = await localTreeSource.connect({ root: join(folder, 'tree') }, { cluster: 'c', instance: 'i', readSecret: async () => '', scratchFolder: join(folder, 'scratch'), held: new Map() }) as SourceSession;
});

afterEach(async () => {
  await pool[Symbol.asyncDispose]();
  await repository.session[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** @param breaks after how many packs copying is broken off, each time anew */
async function copy(from: SourceSession, staging: string, breaks: readonly number[]): Promise<{ totals: Omit<ShardCopied, 'readBytes'>; entries: IndexedEntry[] }> {
  const handle = await from.takeHandle('h', {});
  const { signal } = new AbortController();
  const destinations = [{ name: 'vault', repository, parent: undefined, bad: new Set<string>() }];
  const task: CopyTask = { run: { runId: 'r', runKey: 'r' }, task: 't', ref: { cluster: 'c', source: 'localtree', instance: 'i', selection: {} }, handle, attempt: 1, destinations: [], parent: null };
  await planShards({ source: from, folder: staging, destinations, pool, signal, copy: task, progress: () => undefined });
  const once = async (breakAfter: number) => {
    const stop = new AbortController();
    let packs = 0;
    // Told at the beginning, then after each pack.
    const progress = (): void => { if (packs++ === breakAfter) stop.abort(); };
    return await copyShard({ source: from, folder: staging, destinations, pool, signal: stop.signal, chunking: 'fixed', handle, shard: 0, ahead: 2, took: () => undefined, readBack: async () => undefined, progress });
  };
  for (const breakAfter of breaks) await expect(once(breakAfter)).rejects.toThrow();
  const { readBytes: _, isChecked, ...totals } = await once(Infinity);
  expect(isChecked).toBe(true);
  return { totals, entries: (await Array.fromAsync(copiedEntries(destinations[0]!, pool, staging, 1, signal, async () => undefined), (some) => [...some])).flat() };
}

test.each(['on threads', 'as a stream'])('a shard that is broken off, once and again, ends as one that was not, %s', async (how) => {
  const { localContent: _, ...streaming } = source;
  const from = how === 'on threads' ? source : { ...streaming, [Symbol.asyncDispose]: async () => undefined };
  const whole = await copy(from, 'staging/whole', []);
  expect(whole.entries).toHaveLength(43);
  expect(new Set(whole.entries.flatMap((each) => each.pieces?.map((piece) => piece.pack) ?? [])).size).toBeGreaterThan(4);
  for (const [index, breaks] of [[0], [1], [2], [3], [1, 1, 1]].entries()) expect(await copy(from, `staging/${index}`, breaks), `broken off after ${breaks.join(', ')}`).toEqual(whole);
});
