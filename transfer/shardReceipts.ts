import type { ShardCopied } from '../contracts/activities.ts';
import type { FramePool } from '../backupset/framePool.ts';
import type { IndexedEntry, Piece } from '../backupset/piece.ts';
import { readLines, writeLines } from './stagedLines.ts';
import { receiptKey, shardDoneKey } from './stagingKeys.ts';
import type { OpenDestination } from './openDestination.ts';

/** Where a shard goes on: the next line of its plan, and how much of that line's content is stored already. */
export interface ShardCursor {
  readonly line: number;
  readonly offset: number;
}

/** First line of a receipt. One receipt is written after each stored pack, so what is stored is the checkpoint. */
export interface Receipt {
  readonly cursor: ShardCursor;
  readonly totals: ShardCopied;
  /** The pack stored before this receipt; `null` when nothing was left to store. */
  readonly pack: { readonly digest: string; readonly length: number } | null;
  /** Numbers of the receipts so far, this one included, whose pack was not read back as it was stored. Absent in a receipt of 0.1.0: none was. */
  readonly unchecked?: readonly number[];
  /** Pieces of the entry that the cursor stands in. */
  readonly open: readonly Piece[];
}

/** A receipt's entries follow it, one a line, complete with their pieces. */
export async function writeReceipt(destination: OpenDestination, pool: FramePool, folder: string, shard: number, number: number, receipt: Receipt, entries: readonly IndexedEntry[], signal: AbortSignal): Promise<void> {
  await writeLines(destination.repository, pool, receiptKey(folder, shard, number), [receipt, ...entries], signal);
}

export async function readReceipt(destination: OpenDestination, pool: FramePool, folder: string, shard: number, number: number, signal?: AbortSignal): Promise<{ readonly receipt: Receipt; readonly entries: readonly IndexedEntry[] } | undefined> {
  const lines = await readLines<unknown>(destination.repository, pool, receiptKey(folder, shard, number), signal);
  if (lines === undefined) return undefined;
  return { receipt: lines[0] as Receipt, entries: lines.slice(1) as IndexedEntry[] };
}

/** All receipts of a shard, in order, no listing: up to the first that is not there, or as many as `count` says there are. The next one is on its way. */
export async function* readReceipts(destination: OpenDestination, pool: FramePool, folder: string, shard: number, signal?: AbortSignal, count = Infinity): AsyncGenerator<{ readonly receipt: Receipt; readonly entries: readonly IndexedEntry[] }> {
  const ask = (number: number) => {
    const found = number < count ? readReceipt(destination, pool, folder, shard, number, signal) : Promise.resolve(undefined);
    found.catch(() => undefined);
    return found;
  };
  let next = ask(0);
  for (let number = 1; ; number++) {
    const found = await next;
    if (found === undefined) return;
    next = ask(number);
    yield found;
  }
}

export interface ShardDone extends ShardCopied {
  readonly receipts: number;
  /** As in the last receipt. */
  readonly unchecked?: readonly number[];
}

export async function readShardDone(destination: OpenDestination, pool: FramePool, folder: string, shard: number, signal?: AbortSignal): Promise<ShardDone | undefined> {
  return (await readLines<ShardDone>(destination.repository, pool, shardDoneKey(folder, shard), signal))?.[0];
}
