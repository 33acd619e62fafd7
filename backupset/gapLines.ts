import { isBelow } from '../contracts/isBelow.ts';
import type { FramePool } from './framePool.ts';
import type { TableRef } from './indexFormat.ts';
import { openIndex } from './readIndex.ts';
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
    if (shard.gaps === 0) continue;
    for (const { key, gap } of await index.load(position, signal)) {
      if (gap === undefined || (below.length > 0 && !below.some((each) => isBelow(key, each)))) continue;
      count += 1;
      if (lines.length < mostNamed) lines.push(`${key}: ${gap}`);
    }
  }
  return count > lines.length ? [...lines, `and ${count - lines.length} more entries without content`] : lines;
}
