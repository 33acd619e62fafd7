import type { Handle } from '../contracts/handle.ts';
import type { ShardCopied } from '../contracts/activities.ts';
import { allEnded } from '../contracts/allEnded.ts';
import { Failure } from '../contracts/failure.ts';
import { compareObject } from '../backupset/compareObject.ts';
import type { FramePool } from '../backupset/framePool.ts';
import { packKey } from '../backupset/packKey.ts';
import type { Piece } from '../backupset/piece.ts';
import type { SourceSession } from '../components/dataSource.ts';
import { createKnownContent, type KnownContent } from './knownContent.ts';
import { PackStream, type CutPack } from './packStream.ts';
import type { OpenDestination } from './openDestination.ts';
import { sha256, shardUnits, type Unit } from './shardUnits.ts';
import { readReceipt, readShardDone, writeReceipt, type Receipt, type ShardCursor, type ShardDone } from './shardReceipts.ts';
import { readLines, writeLines } from './stagedLines.ts';
import { planKey, shardDoneKey } from './stagingKeys.ts';

export interface CopyContext {
  readonly source: SourceSession;
  readonly chunking: 'fixed' | 'contentDefined';
  readonly handle: Handle;
  readonly folder: string;
  readonly shard: number;
  readonly destinations: readonly OpenDestination[];
  readonly pool: FramePool;
  /** Frames encoded at once. */
  readonly ahead: number;
  readonly signal: AbortSignal;
  /** Called with bytes read; a promise where the bandwidth is limited and they have to wait. */
  readonly took: (bytes: number) => Promise<void> | undefined;
  /** The same for bytes that are read back; always a promise. */
  readonly readBack: (bytes: number) => Promise<void>;
  readonly progress: (totals: ShardCopied) => void;
}

const none: ShardCopied = { entries: 0, files: 0, bytes: 0, readBytes: 0, storedBytes: 0, gaps: 0 };

/**
 * Copies one shard to every destination. What is stored is the checkpoint: after each pack a receipt says where to go on, so a repeated call
 * reads and stores again at most the pack that was in the making. `isChecked`: every pack was read back and was right.
 */
export async function copyShard(context: CopyContext): Promise<ShardCopied & { readonly isChecked: boolean }> {
  const { destinations, pool, folder, shard, signal } = context;
  const done = await Promise.all(destinations.map((each) => readShardDone(each, pool, folder, shard, signal)));
  if (done.every((each) => each !== undefined)) return { ...totalsOf(done[0]!), isChecked: done.every((each) => each!.unchecked?.length === 0) };

  const lines = await readPlan(context);
  const start = await lastReceipt(context);
  const known = await createKnownContent(destinations, context.chunking === 'contentDefined');
  let totals = start.receipt.totals;
  let { readBytes } = totals;
  context.progress(totals);
  let receipts = start.number;
  let putting: Promise<void> = Promise.resolve();
  // By destination: receipts whose pack must be looked at again.
  const unchecked = start.unchecked.map((each) => [...each]);
  const stream = new PackStream({
    pool, destinations, ahead: context.ahead, cursor: start.receipt.cursor, open: start.open,
    onCut: async (cut) => {
      // One pack is on its way while the next is filled; receipts are in order.
      await putting;
      totals = count(totals, cut, readBytes);
      const number = receipts++;
      const written = totals;
      putting = storeCut(context, cut, number, written, unchecked).then(() => context.progress(written));
      putting.catch(() => undefined);
    },
  });
  try {
    await shardUnits(lines, start.receipt.cursor, {
      source: context.source, handle: context.handle, chunking: context.chunking, chunkBytes: Math.min(...destinations.map((each) => each.repository.chunkBytes)), signal,
      isKnown: async (entry, was) => (await known.ofEntry(entry, was)) !== undefined,
      took: (bytes) => {
        readBytes += bytes;
        return context.took(bytes);
      },
    }, (unit) => {
      signal.throwIfAborted();
      return addUnit(stream, unit, known);
    });
    await stream.finish(lines.length);
    await putting;
  } catch (error) {
    await Promise.allSettled([stream.abandon(), putting]);
    throw error;
  }
  // Not after a failure: what was given up may still be on its way out of it.
  stream.free();
  await allEnded(destinations.map(async (each, index) => {
    const summary: ShardDone = { ...totals, receipts, unchecked: unchecked[index]! };
    await writeLines(each.repository, pool, shardDoneKey(folder, shard), [JSON.stringify(summary)], signal);
  }));
  return { ...totals, isChecked: unchecked.every((each) => each.length === 0) };
}

function addUnit(stream: PackStream, unit: Unit, known: KnownContent): Promise<void> | undefined {
  const { line, entry, isContinued } = unit;
  if (unit.kind === 'chunk') return addChunk(stream, unit, known);
  if (unit.kind === 'small') return stream.add({ line, entry, isContinued, offset: 0, length: unit.bytes.length, last: true }, unit.bytes);
  const item = { line, entry, isContinued, offset: 0, length: 0, last: true };
  return unit.was === undefined ? stream.add({ ...item, known: [] }) : known.ofEntry(entry, unit.was).then((pieces) => stream.add({ ...item, known: pieces ?? [] }));
}

async function addChunk(stream: PackStream, unit: Extract<Unit, { kind: 'chunk' }>, known: KnownContent): Promise<void> {
  const { line, entry, isContinued, offset, bytes, last } = unit;
  const item = { line, entry, isContinued, offset, length: bytes.length, last };
  const there = known.hasChunks && !('path' in bytes) ? known.ofChunk(sha256(bytes)) : undefined;
  if (there === undefined) await stream.addChunk(item, bytes, await known.atOffset(entry, offset, bytes.length));
  else await stream.add({ ...item, known: there.map((piece) => [{ ...piece, offset }]) });
}

/** Adds what a cut finished; a large file counts in the shard that holds its first slice. */
function count(totals: ShardCopied, { counted, packs }: CutPack, readBytes: number): ShardCopied {
  return {
    entries: totals.entries + counted.entries, files: totals.files + counted.files, bytes: totals.bytes + counted.bytes, readBytes,
    storedBytes: totals.storedBytes + (packs[0]?.length ?? 0), gaps: totals.gaps + counted.gaps,
  };
}

/** Stores the packs of a cut at all destinations and reads them back, while the next pack is made; then their receipts. */
async function storeCut(context: CopyContext, cut: CutPack, number: number, totals: ShardCopied, unchecked: readonly number[][]): Promise<void> {
  await allEnded(context.destinations.map(async (destination, index) => {
    const pack = cut.packs[index] ?? null;
    if (pack !== null) {
      const key = packKey(pack.digest);
      const there = destination.bad.has(key) ? undefined : await destination.repository.session.stat(key, context.signal);
      if (there?.length !== pack.length) await destination.repository.session.put(key, pack.body, { length: pack.length, sha256: pack.digest }, context.signal);
      // One that is wrong is looked at again by checkShard, which knows what to do.
      if ((await compareObject(destination.repository, context.pool, key, pack, context.signal, context.readBack)).wrong !== undefined) unchecked[index]!.push(number);
    }
    const receipt: Receipt = { cursor: cut.cursor, totals, pack: pack === null ? null : { digest: pack.digest, length: pack.length }, unchecked: unchecked[index]!, open: cut.open[index]! };
    await writeReceipt(destination, context.pool, context.folder, context.shard, number, receipt, cut.lines[index]!, context.signal);
  }));
}

async function readPlan(context: CopyContext): Promise<string[]> {
  for (const each of context.destinations) {
    const lines = await readLines(each.repository, context.pool, planKey(context.folder, context.shard), context.signal);
    if (lines !== undefined) return lines;
  }
  throw new Failure('E_HANDLE_LOST', `the plan of shard ${context.shard} is gone from the staging area`);
}

/** The newest receipt that every destination has; further ones are written again, with the same content. */
async function lastReceipt(context: CopyContext): Promise<{ readonly receipt: Receipt; readonly number: number; readonly open: readonly (readonly Piece[])[]; readonly unchecked: readonly (readonly number[])[] }> {
  const begin: Receipt = { cursor: { line: 0, offset: 0 } satisfies ShardCursor, totals: none, pack: null, open: [] };
  let last: readonly Receipt[] = context.destinations.map(() => ({ ...begin, unchecked: [] }));
  for (let number = 0; ; number++) {
    const found = await Promise.all(context.destinations.map((each) => readReceipt(each, context.pool, context.folder, context.shard, number, context.signal)));
    if (found.some((each) => each === undefined)) return { receipt: last[0]!, number, open: last.map((each) => each.open), unchecked: last.map((each) => each.unchecked ?? Array.from({ length: number }, (_, earlier) => earlier)) };
    last = found.map((each) => each!.receipt);
  }
}

function totalsOf({ receipts: _, unchecked: __, ...totals }: ShardDone): ShardCopied {
  return totals;
}
