import { isBelow } from '../contracts/isBelow.ts';
import type { FramePool } from './framePool.ts';
import { gaps } from './gaps.ts';
import type { TableRef } from './indexFormat.ts';
import { openIndex } from './readIndex.ts';
import type { Repository } from './repository.ts';

/** How many are named; the rest is counted. */
const mostNamed = 1_000;

/**
 * The entries of a source that have no content in the set, one line each with the reason; after the first thousand only their number.
 * @param below only at or below these keys; empty: all
 */
export async function gapLines(repository: Repository, pool: FramePool, table: TableRef, below: readonly string[] = [], signal?: AbortSignal): Promise<readonly string[]> {
  const lines: string[] = [];
  let count = 0;
  for await (const some of gaps(await openIndex(repository, pool, table), signal)) {
    for (const { key, gap } of some) {
      if (below.length > 0 && !below.some((each) => isBelow(key, each))) continue;
      count += 1;
      if (lines.length < mostNamed) lines.push(`${key}: ${gap}`);
    }
  }
  return count > lines.length ? [...lines, `and ${count - lines.length} more entries without content`] : lines;
}
