import { Failure } from '../contracts/failure.ts';
import type { FramePool } from '../backupset/framePool.ts';
import type { IndexedEntry } from '../backupset/piece.ts';
import type { OpenDestination } from './openDestination.ts';
import type { PlanLine } from './planLine.ts';
import { parseCopied, readReceipts, readShardDone, type Receipt } from './shardReceipts.ts';
import { readValues } from './stagedLines.ts';
import { planKey } from './stagingKeys.ts';

/**
 * Every entry that was copied, in key order, from the receipts, as many at once as a receipt has; the slices of a large file are one entry again.
 * `onPack` is told what the receipts say was stored.
 */
export async function* copiedEntries(destination: OpenDestination, pool: FramePool, folder: string, shards: number, signal: AbortSignal, onPack: (pack: { readonly digest: string; readonly length: number }) => Promise<void>): AsyncGenerator<Iterable<IndexedEntry>> {
  let last: IndexedEntry | undefined;
  function* whole(receipt: Receipt, lines: readonly string[]): Generator<IndexedEntry> {
    for (const line of lines) {
      const entry = parseCopied(line, receipt);
      if (last?.key === entry.key) {
        last = joinSlices(last, entry);
        continue;
      }
      if (last !== undefined) yield last;
      last = entry;
    }
  }
  for (let shard = 0; shard < shards; shard++) {
    const done = await readShardDone(destination, pool, folder, shard, signal);
    let receipts = 0;
    for await (const { receipt, lines } of readReceipts(destination, pool, folder, shard, signal, done?.receipts)) {
      receipts += 1;
      if (receipt.pack !== null) await onPack(receipt.pack);
      yield whole(receipt, lines);
    }
    if (done === undefined || receipts < done.receipts) throw new Failure('E_INTERNAL', `shard ${shard} is not whole at ${destination.name}: ${receipts} of ${done?.receipts ?? '?'} receipts`);
  }
  if (last !== undefined) yield [last];
}

function joinSlices(a: IndexedEntry, b: IndexedEntry): IndexedEntry {
  if (a.gap !== undefined) return a;
  if (b.gap !== undefined) return b;
  return { ...b, pieces: [...(a.pieces ?? []), ...(b.pieces ?? [])] };
}

/** Keys that are gone since the parent, in order. */
export async function* removedKeys(destination: OpenDestination, pool: FramePool, folder: string, shards: number, signal: AbortSignal): AsyncGenerator<string> {
  for (let shard = 0; shard < shards; shard++) {
    for (const line of (await readValues<PlanLine>(destination.repository, pool, planKey(folder, shard), signal)) ?? []) {
      if ('remove' in line) yield line.remove;
    }
  }
}
