import type { Change } from '../contracts/entry.ts';
import { compareKeys } from '../contracts/compareKeys.ts';
import { isBelow } from '../contracts/isBelow.ts';
import { gaps } from '../backupset/gaps.ts';
import { packKey } from '../backupset/packKey.ts';
import { Peek } from '../backupset/peek.ts';
import type { IndexedEntry } from '../backupset/piece.ts';
import type { OpenDestination } from './openDestination.ts';
import { unreadGap } from './unreadGap.ts';

/**
 * Adds to the changes since the parent set every unchanged entry that is to be read from the source again: it could not be read the last time, or its content
 * lies in an object known to be bad. Both in key order.
 */
export async function withReadAgain(changes: AsyncIterable<Change>, destinations: readonly OpenDestination[], signal: AbortSignal): Promise<AsyncIterable<Change>> {
  const again = await Promise.all(destinations.map((each) => Peek.of(entriesOf(each, signal), ({ key }) => key)));
  return again.every(({ head }) => head === undefined) ? changes : merged(changes, again);
}

async function* merged(changes: AsyncIterable<Change>, again: readonly Peek<IndexedEntry>[]): AsyncGenerator<Change> {
  let removed = '';
  /** What comes before a key. What is at the key itself is a change already. */
  async function* before(key: string | undefined): AsyncGenerator<Change> {
    for (let next = least(again); next !== undefined && (key === undefined || compareKeys(next.key, key) <= 0); next = least(again)) {
      for (const each of again) if (each.head?.key === next.key) await each.take();
      const { pieces: _, gap: __, ...entry } = next;
      if (next.key !== key && (removed === '' || !isBelow(next.key, removed))) yield { op: 'put', entry };
    }
  }
  for await (const change of changes) {
    yield* before(change.op === 'put' ? change.entry.key : change.key);
    if (change.op === 'remove') removed = change.key;
    yield change;
  }
  yield* before(undefined);
}

/** Of the entries in view the first. */
function least(again: readonly Peek<IndexedEntry>[]): IndexedEntry | undefined {
  let first: IndexedEntry | undefined;
  for (const { head } of again) if (head !== undefined && (first === undefined || compareKeys(head.key, first.key) < 0)) first = head;
  return first;
}

async function* entriesOf({ parent, bad }: OpenDestination, signal: AbortSignal): AsyncGenerator<readonly IndexedEntry[]> {
  if (parent === undefined) return;
  if (bad.size === 0) {
    for await (const some of gaps(parent, signal)) yield some.filter(isUnread);
    return;
  }
  for await (const entry of parent.entries({ signal })) {
    if (isUnread(entry) || entry.pieces?.some((piece) => bad.has(packKey(piece.pack)))) yield [entry];
  }
}

function isUnread({ gap }: IndexedEntry): boolean {
  return gap?.startsWith(unreadGap) === true;
}
