import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm, truncate, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFramePool, type FramePool } from '../../backupset/framePool.ts';
import { openIndex } from '../../backupset/readIndex.ts';
import { readContent } from '../../backupset/readContent.ts';
import { createRepository, type Repository } from '../../backupset/repository.ts';
import { writeIndex } from '../../backupset/writeIndex.ts';
import type { IndexedEntry } from '../../backupset/piece.ts';
import { localTreeSource } from '../../bench/localTreeSource.ts';
import type { SourceSession } from '../../components/dataSource.ts';
import type { CopyTask, ShardCopied } from '../../contracts/activities.ts';
import type { Handle } from '../../contracts/handle.ts';
import { localDir } from '../../storage/localDir.ts';
import { checkShard } from '../../transfer/checkShard.ts';
import { copyShard } from '../../transfer/copyShard.ts';
import type { OpenDestination } from '../../transfer/openDestination.ts';
import { planShards } from '../../transfer/planShards.ts';
import { copiedEntries } from '../../transfer/shardEntries.ts';

/** What a source keeps in files of this machine is read on the threads; nothing of the result may tell. */
let folder: string;
let pool: FramePool;
let repository: Repository;
let source: SourceSession;
const chunk = 64 << 10;
const large = randomBytes(9 * chunk + 100);
const { signal } = new AbortController();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-local-files-'));
  await mkdir(join(folder, 'tree', 'd'), { recursive: true });
  await writeFile(join(folder, 'tree', 'large'), large);
  for (let i = 0; i < 40; i++) await writeFile(join(folder, 'tree', 'd', `small-${i}`), `content ${i} `.repeat(i * 20));
  pool = createFramePool({ threads: 2 });
  repository = await createRepository(await localDir.open({ type: 'LocalDir', path: join(folder, 'vault'), allowRootFileSystem: true }, { name: 'vault', readSecret: async () => '' }), { chunkBytes: chunk, packBytes: 256 << 10 });
  source = await localTreeSource.connect({ root: join(folder, 'tree') }, { cluster: 'c', instance: 'i', readSecret: async () => '', scratchFolder: join(folder, 'scratch'), held: new Map() }) as SourceSession;
});

afterEach(async () => {
  await pool[Symbol.asyncDispose]();
  await repository.session[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** @param planned called between the listing and the copying of what was listed. */
async function copy(from: SourceSession, handle: Handle, staging: string, parent?: OpenDestination['parent'], planned?: () => Promise<void>): Promise<{ totals: ShardCopied; entries: IndexedEntry[] }> {
  const destinations: OpenDestination[] = [{ name: 'vault', repository, parent, bad: new Set() }];
  const common = { source: from, folder: staging, destinations, pool, signal };
  const task: CopyTask = { run: { runId: 'r', runKey: 'r' }, task: 't', ref: { cluster: 'c', source: 'localtree', instance: 'i', selection: {} }, handle, attempt: 1, destinations: [], parent: null };
  const plan = await planShards({ ...common, copy: task, progress: () => undefined });
  expect(plan.shards).toBe(1);
  await planned?.();
  const totals = await copyShard({ ...common, chunking: 'fixed', handle, shard: 0, ahead: 4, took: async () => undefined, readBack: async () => undefined, progress: () => undefined });
  expect(await checkShard({ folder: staging, shard: 0, destinations, pool, signal, took: async () => { throw new Error('copying has read everything back already'); } })).toBe(true);
  return { totals, entries: (await Array.fromAsync(copiedEntries(destinations[0]!, pool, staging, 1, signal, async () => undefined), (some) => [...some])).flat() };
}

async function contentOf(entry: IndexedEntry): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(readContent(repository, pool, entry.pieces ?? [])));
}

test('entries, packs and gaps are the same as through the main thread', async () => {
  const handle = await source.takeHandle('h', {});
  const harm = async (): Promise<void> => {
    await truncate(join(folder, 'tree', 'large'), 5 * chunk + 7);
    await rm(join(folder, 'tree', 'd', 'small-17'));
  };
  const heal = async (): Promise<void> => {
    await writeFile(join(folder, 'tree', 'large'), large);
    await writeFile(join(folder, 'tree', 'd', 'small-17'), 'content 17 '.repeat(17 * 20));
  };
  const { localContent: _, ...streaming } = source;
  const onThreads = await copy(source, handle, 'staging/a', undefined, harm);
  expect(onThreads.entries.filter((each) => each.gap !== undefined).map((each) => each.key)).toEqual(['/d/small-17', '/large']);
  expect(onThreads.entries.find((each) => each.key === '/large')).not.toHaveProperty('pieces');
  expect(onThreads.totals).toMatchObject({ files: 41, gaps: 2 });
  for (const entry of onThreads.entries.filter((each) => each.type === 'file' && each.gap === undefined)) expect((await contentOf(entry)).equals(await readFile(join(folder, 'tree', entry.key))), entry.key).toBe(true);

  await heal();
  const streamed = await copy({ ...streaming, [Symbol.asyncDispose]: async () => undefined }, handle, 'staging/b', undefined, harm).catch((error: unknown) => error as Error);
  // The source of the bench does not translate the system's errors in its stream; the thread does.
  expect(streamed).toMatchObject({ code: 'ENOENT' });

  await heal();
  const whole = await copy(source, handle, 'staging/c');
  expect((await copy({ ...streaming, [Symbol.asyncDispose]: async () => undefined }, handle, 'staging/d')).entries).toEqual(whole.entries);
  expect(whole.entries.some((each) => each.gap !== undefined)).toBe(false);
});

test('of a file that changed only the chunks that differ are stored', async () => {
  const first = await copy(source, await source.takeHandle('h', {}), 'staging/a');
  const { table } = await writeIndex(repository, pool, { removed: [], puts: first.entries });
  const parent = await openIndex(repository, pool, table);
  const changed = Buffer.from(large);
  changed[4 * chunk + 5]! ^= 1;
  const file = await open(join(folder, 'tree', 'large'), 'r+');
  await file.write(changed, 4 * chunk, chunk, 4 * chunk);
  await file.write(Buffer.from('a little more'), 0, 13, large.length);
  await file.close();
  const handle = await source.takeHandle('h2', {});
  const second = await copy(source, handle, 'staging/b', parent);
  const before = first.entries.find((each) => each.key === '/large')!;
  const after = second.entries.find((each) => each.key === '/large')!;
  expect((await contentOf(after)).equals(Buffer.concat([changed, Buffer.from('a little more')]))).toBe(true);
  expect(after.pieces!.filter((piece) => before.pieces!.some((old) => old.pack === piece.pack && old.frameOffset === piece.frameOffset))).toHaveLength(8);
  // The chunk that changed, the last one, and the small files, which say nothing of being known.
  expect(second.totals.storedBytes).toBeLessThan(2 * chunk);
  const { localContent: _, ...streaming } = source;
  expect((await copy({ ...streaming, [Symbol.asyncDispose]: async () => undefined }, handle, 'staging/c', parent)).entries).toEqual(second.entries);
});
