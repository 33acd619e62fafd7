import type { FramePool } from '../backupset/framePool.ts';
import type { TableRef } from '../backupset/indexFormat.ts';
import { openIndex } from '../backupset/readIndex.ts';
import type { Repository } from '../backupset/repository.ts';
import { isBelow } from '../contracts/isBelow.ts';

/** What of a source lies at or below some keys: how much, and which of the keys have something. Reads only the index shards of these keys. */
export async function countBelow(repository: Repository, pool: FramePool, table: TableRef, keys: readonly string[]): Promise<{ readonly entries: number; readonly bytes: number; readonly found: ReadonlySet<string> }> {
  const index = await openIndex(repository, pool, table);
  const found = new Set<string>();
  let entries = 0;
  let bytes = 0;
  for await (const entry of index.entries({ below: keys })) {
    for (const key of keys) if (!found.has(key) && isBelow(entry.key, key)) found.add(key);
    entries += 1;
    bytes += entry.length;
  }
  return { entries, bytes, found };
}
