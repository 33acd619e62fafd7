import type { ShardCopied } from '../contracts/activities.ts';
import type { FramePool } from '../backupset/framePool.ts';
import type { IndexedEntry, Piece } from '../backupset/piece.ts';
import type { Entry } from '../contracts/entry.ts';
import { readLines, readValues, writeLines } from './stagedLines.ts';
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

/** A piece as a receipt has it: without a pack it lies in the receipt's own. */
export type CopiedPiece = Omit<Piece, 'pack' | 'packLength'> & Partial<Pick<Piece, 'pack' | 'packLength'>>;

/** An entry as a line of a receipt. */
export function formatCopied(entry: Entry, pieces: readonly CopiedPiece[]): string {
  return JSON.stringify(pieces.length === 0 ? entry : { ...entry, pieces });
}

/** A line of a receipt as the entry that the index is made of. */
export function parseCopied(line: string, { pack }: Receipt): IndexedEntry {
  const entry = JSON.parse(line) as Entry & { readonly pieces?: readonly CopiedPiece[] };
  return { ...entry, ...(entry.pieces === undefined ? {} : { pieces: entry.pieces.map((piece): Piece => (piece.pack === undefined ? { ...piece, pack: pack!.digest, packLength: pack!.length } : piece as Piece)) }) } as IndexedEntry;
}

/** A receipt's entries follow it, one a line (see `formatCopied`), complete with their pieces. */
export async function writeReceipt(destination: OpenDestination, pool: FramePool, folder: string, shard: number, number: number, receipt: Receipt, lines: readonly string[], signal: AbortSignal): Promise<void> {
  await writeLines(destination.repository, pool, receiptKey(folder, shard, number), [JSON.stringify(receipt), ...lines], signal);
}

export async function readReceipt(destination: OpenDestination, pool: FramePool, folder: string, shard: number, number: number, signal?: AbortSignal): Promise<{ readonly receipt: Receipt; readonly lines: readonly string[] } | undefined> {
  const lines = await readLines(destination.repository, pool, receiptKey(folder, shard, number), signal);
  return lines === undefined ? undefined : { receipt: JSON.parse(lines[0]!) as Receipt, lines: lines.slice(1) };
}

/** All receipts of a shard, in order, no listing: up to the first that is not there, or as many as `count` says there are. The next one is on its way. */
export async function* readReceipts(destination: OpenDestination, pool: FramePool, folder: string, shard: number, signal?: AbortSignal, count = Infinity): AsyncGenerator<{ readonly receipt: Receipt; readonly lines: readonly string[] }> {
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
  return (await readValues<ShardDone>(destination.repository, pool, shardDoneKey(folder, shard), signal))?.[0];
}
