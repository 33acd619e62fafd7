import { compareKeys } from '../contracts/compareKeys.ts';
import type { Peek } from './peek.ts';
import type { IndexedEntry } from './piece.ts';

/** In memory at once, of one stretch. */
const mostChanges = 4096;

/** An entry that is put, or, without one, a key that is removed with everything below it. */
export interface IndexChange {
  readonly key: string;
  readonly entry?: IndexedEntry;
}

/** Changes in the stretch of keys of one shard of the base. */
export interface StretchChanges {
  readonly position: number;
  readonly changes: readonly IndexChange[];
  /** Whether these are all of the stretch. */
  readonly isWhole: boolean;
}

/** Removals and puts in one order, a removal before the put of the same key, by the shards they concern. */
export async function* indexChanges(removed: Peek<string>, puts: Peek<IndexedEntry>, positionOf: (key: string) => number): AsyncGenerator<StretchChanges> {
  let position = -1;
  let changes: IndexChange[] = [];
  let isFirst = true;
  for (;;) {
    const change = await takeNext(removed, puts);
    const next = change === undefined ? -1 : positionOf(change.key);
    if (changes.length > 0 && (next !== position || changes.length === mostChanges)) {
      yield { position, changes, isWhole: isFirst && next !== position };
      isFirst = next !== position;
      changes = [];
    }
    if (change === undefined) return;
    position = next;
    changes.push(change);
  }
}

async function takeNext(removed: Peek<string>, puts: Peek<IndexedEntry>): Promise<IndexChange | undefined> {
  if (removed.head !== undefined && (puts.head === undefined || compareKeys(removed.head, puts.head.key) <= 0)) return { key: await removed.take() };
  if (puts.head === undefined) return undefined;
  const entry = await puts.take();
  return { key: entry.key, entry };
}
