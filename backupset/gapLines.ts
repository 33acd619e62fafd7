import { isBelow } from '../contracts/isBelow.ts';
import type { FramePool } from './framePool.ts';
import type { TableRef } from './indexFormat.ts';
import type { IndexedEntry } from './piece.ts';
import { openIndex, type SourceIndex } from './readIndex.ts';
import type { Repository } from './repository.ts';

/** How many are named; the rest is counted. */
const mostNamed = 1_000;

/**
 * The entries of a source that have no content in the set, one line each with the reason; after the first thousand only their number.
 * Reads only those index shards that hold some.
 * @param below only at or below these keys; empty: all
 */
export async function gapLines(repository: Repository, pool: FramePool, table: TableRef, below: readonly string[] = [], signal?: AbortSignal): Promise<readonly string[]> {
  const index = await openIndex(repository, pool, table);
  const lines: string[] = [];
  let count = 0;
  for (const [position, shard] of index.shards().entries()) {
    for (const { key, gap } of shard.gaps > 0 ? await index.load(position, signal) : await overlaid(index, position, signal)) {
      if (gap === undefined || (below.length > 0 && !below.some((each) => isBelow(key, each)))) continue;
      count += 1;
      if (lines.length < mostNamed) lines.push(`${key}: ${gap}`);
    }
  }
  return count > lines.length ? [...lines, `and ${count - lines.length} more entries without content`] : lines;
}

/** Entries over a shard without gaps, from those overlay shards that have some. */
async function overlaid(index: SourceIndex, position: number, signal: AbortSignal | undefined): Promise<readonly IndexedEntry[]> {
  const entries: IndexedEntry[] = [];
  for (const at of index.overlayOver(position)) {
    if (index.overlay()[at]!.live.gaps === 0) continue;
    for (const { entry } of await index.overIn(position, at, signal)) if (entry !== undefined) entries.push(entry);
  }
  return entries;
}
