import { countNames, noEntries, type EntryCounts } from './entryCounts.ts';
import type { FramePool } from './framePool.ts';
import { indexChanges } from './indexChanges.ts';
import { rootOf, writeTwoFrames, type OverlaySummary, type ShardSummary, type TableRef } from './indexFormat.ts';
import { IndexMerge } from './indexMerge.ts';
import { formatVersion, overlayVersion } from './jsonObject.ts';
import { orderedMap } from './orderedMap.ts';
import { Peek } from './peek.ts';
import type { IndexedEntry } from './piece.ts';
import { openIndex, type SourceIndex } from './readIndex.ts';
import type { Repository } from './repository.ts';
import { baseForm } from './shardForm.ts';
import { ShardWriter, type ShardTarget } from './shardWriter.ts';

/** Stretches whose shards are read ahead. */
const stretchesAhead = 6;

export interface IndexInput {
  readonly parent?: TableRef;
  /** Keys in order; each goes with everything below it. */
  readonly removed: AsyncIterable<string> | Iterable<string>;
  /** In key order, many at once where they come by and by. An entry overrides the parent's of the same key, and comes after a removal of it. */
  readonly puts: AsyncIterable<Iterable<IndexedEntry>> | Iterable<IndexedEntry>;
  /** Object keys known to be damaged: never reused, written again. */
  readonly bad?: ReadonlySet<string>;
  readonly signal?: AbortSignal;
}

export interface WrittenIndex extends Readonly<EntryCounts> {
  readonly table: TableRef;
  readonly root: string;
  /** Of the base and of the overlay. */
  readonly shardsNew: number;
  readonly shardsReused: number;
}

interface Shards {
  readonly shards: readonly ShardSummary[];
  readonly overlay: readonly OverlaySummary[];
  readonly new: number;
  readonly reused: number;
}

/**
 * Merges changes into the parent's index: few of them in the stretch of a shard go into the overlay, many rewrite the shard. What has no change is
 * taken over unread. Without a parent there is no overlay. The same changes to the same parent make the same objects.
 * @throws Failure E_CORRUPT, E_OBJECT_NOT_FOUND when a shard of the parent that has changes cannot be read; E_INTERNAL for keys that are not in order
 */
export async function writeIndex(repository: Repository, pool: FramePool, input: IndexInput): Promise<WrittenIndex> {
  const target: ShardTarget = { repository, pool, bad: input.bad ?? new Set(), signal: input.signal };
  const parent = input.parent === undefined ? undefined : await openIndex(repository, pool, input.parent);
  const removed = await Peek.of(oneByOne(input.removed), (key) => key);
  const puts = await Peek.of(input.puts, (entry) => entry.key);
  const written = parent === undefined || parent.shards().length === 0 ? await writeAll(puts, target) : await mergeInto(parent, removed, puts, target);
  return { ...(await writeTable(written, target)), shardsNew: written.new, shardsReused: written.reused };
}

async function writeAll(puts: Peek<IndexedEntry>, target: ShardTarget): Promise<Shards> {
  const writer = new ShardWriter(target, baseForm);
  try {
    while (puts.head !== undefined) {
      const written = writer.add(puts.takeHere() ?? await puts.take());
      if (written !== undefined) await written;
    }
    return { shards: await writer.finish(), overlay: [], ...writer.shards };
  } finally {
    await writer.ended();
  }
}

async function mergeInto(parent: SourceIndex, removed: Peek<string>, puts: Peek<IndexedEntry>, target: ShardTarget): Promise<Shards> {
  const merge = new IndexMerge(parent, target);
  try {
    const stretches = orderedMap(indexChanges(removed, puts, parent.positionOf), stretchesAhead, async (changes) => ({ ...changes, ...(await merge.prepare(changes)) }));
    for await (const stretch of stretches) {
      target.signal?.throwIfAborted();
      await merge.apply(stretch);
    }
    return await merge.finish();
  } finally {
    await merge.ended();
  }
}

/** Many at once: one. */
async function* oneByOne<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<Iterable<T>> {
  for await (const item of items) yield [item];
}

async function writeTable({ shards, overlay }: Shards, { repository, pool, bad, signal }: ShardTarget): Promise<Omit<WrittenIndex, 'shardsNew' | 'shardsReused'>> {
  const refs = (items: readonly TableRef[]): (readonly [string, number])[] => items.map(({ digest, length }) => [digest, length]);
  const lines = [
    ...shards.map(({ first, last, entries, files, directories, symlinks, gaps, bytes }) => ({ first, last, entries, files, directories, symlinks, gaps, bytes })),
    ...overlay.map(({ first, last, lines: count, live, covered }) => ({ first, last, lines: count, live, covered })),
  ];
  const clear = overlay.length === 0 ? { formatVersion, kind: 'table', shards: refs(shards) } : { formatVersion: overlayVersion, kind: 'table', shards: refs(shards), overlay: refs(overlay) };
  const { digest, length } = await writeTwoFrames(repository, pool, clear, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), bad, signal);
  return { table: { digest, length }, root: rootOf([...shards, ...overlay].map((each) => each.digest)), ...totalsOf(shards, overlay) };
}

/** Counts of all entries. */
function totalsOf(shards: readonly ShardSummary[], overlay: readonly OverlaySummary[]): EntryCounts {
  const totals = noEntries();
  for (const name of countNames) {
    for (const each of shards) totals[name] += each[name];
    for (const { live, covered } of overlay) totals[name] += live[name] - covered[name];
  }
  return totals;
}
