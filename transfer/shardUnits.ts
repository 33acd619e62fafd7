import { createHash } from 'node:crypto';
import type { Entry } from '../contracts/entry.ts';
import { Failure } from '../contracts/failure.ts';
import type { Handle } from '../contracts/handle.ts';
import { ContentCutter } from '../backupset/cutContent.ts';
import type { SourceSession } from '../components/dataSource.ts';
import type { Bytes } from './packStream.ts';
import { gapOf } from './gapOf.ts';
import type { PlanLine } from './planLine.ts';
import type { ShardCursor } from './shardReceipts.ts';

/** Files up to this size are read whole, many at once; larger ones as a stream. */
const smallBytes = 1 << 20;
/** Small files in flight: their cost is the round trips. */
const smallAtOnce = 32;

/** What a shard is made of, in the order of its plan. `line` is the place in the plan; `isContinued`: see `ContentItem`. */
export type Unit = { readonly line: number; readonly entry: Entry; readonly isContinued: boolean } & (
  /** No bytes are needed: directories, symlinks, gaps, empty files, and content that is expected to be known. */
  | { readonly kind: 'entry'; readonly was?: Was }
  /** A whole small file. */
  | { readonly kind: 'small'; readonly bytes: Bytes }
  /** A chunk of a larger one; `last` ends the line. */
  | { readonly kind: 'chunk'; readonly bytes: Bytes; readonly offset: number; readonly last: boolean }
);

type Was = { readonly key: string; readonly same: readonly string[] };

export interface UnitContext {
  readonly source: SourceSession;
  readonly handle: Handle;
  readonly chunking: 'fixed' | 'contentDefined';
  readonly chunkBytes: number;
  readonly signal: AbortSignal;
  /** Whether the content of this entry is known at every destination, so that it need not be read. */
  readonly isKnown: (entry: Entry, was: Was) => Promise<boolean>;
  /** Called with bytes read; a promise where the bandwidth is limited and they have to wait. */
  readonly took: (bytes: number) => Promise<void> | undefined;
}

/** A line of the plan, and where its content begins and ends. */
interface Place {
  readonly line: number;
  readonly isContinued: boolean;
  readonly from: number;
  readonly to: number;
  /** Whether it is all of the entry's content. */
  readonly isWhole: boolean;
}

type Ready = Unit | (Place & { readonly kind: 'large'; readonly entry: Entry }) | undefined;

/**
 * Reads the lines of a shard from the cursor on, each the text of a `PlanLine`: small files many at once, large ones as a stream. Hands everything to
 * `add`, in order. Waits only for what returns a promise: of a hundred thousand small files each wait would cost as much as the file.
 */
export async function shardUnits(lines: readonly string[], cursor: ShardCursor, context: UnitContext, add: (unit: Unit) => Promise<void> | undefined): Promise<void> {
  const ahead: (Ready | Promise<Ready>)[] = [];
  let next = cursor.line;
  try {
    for (let line = cursor.line; line < lines.length; line++) {
      for (; next < lines.length && ahead.length < smallAtOnce; next++) {
        const ready = prepare(JSON.parse(lines[next]!) as PlanLine, next, next === cursor.line ? cursor.offset : 0, context);
        if (ready instanceof Promise) ready.catch(() => undefined);
        ahead.push(ready);
      }
      const first = ahead.shift();
      const ready = first instanceof Promise ? await first : first;
      if (ready === undefined) continue;
      const adding = ready.kind === 'large' ? addLarge(ready, context, add) : add(ready);
      if (adding !== undefined) await adding;
    }
  } finally {
    await Promise.allSettled(ahead);
  }
}

async function addLarge({ entry, from, to, line, isContinued }: Extract<Ready, { kind: 'large' }>, context: UnitContext, add: (unit: Unit) => Promise<void> | undefined): Promise<void> {
  const path = context.chunking === 'fixed' ? context.source.localContent?.(context.handle, entry) : undefined;
  const cut = context.chunking === 'contentDefined' ? cutByContent : path === undefined ? cutFixed : cutFile(path);
  const chunks = cut(entry, from, to, context);
  let offset = from;
  try {
    for (;;) {
      const read = await chunks.next().catch((error: unknown) => ({ error }));
      if ('error' in read) return void await add({ kind: 'entry', line, isContinued, entry: gapOf(entry, read.error) });
      if (read.done === true) return;
      // The buffer is taken over: its length is not to be asked afterwards.
      const { length } = read.value;
      await add({ kind: 'chunk', line, isContinued, entry, bytes: read.value, offset, last: offset + length === to });
      offset += length;
    }
  } finally {
    await chunks.return(undefined);
  }
}

function prepare(planned: PlanLine, line: number, offset: number, context: UnitContext): Ready | Promise<Ready> {
  if ('remove' in planned) return undefined;
  const { put, slice, was } = planned;
  const place: Place = {
    line, isContinued: (slice?.offset ?? 0) > 0, isWhole: slice === undefined && offset === 0,
    from: (slice?.offset ?? 0) + offset, to: slice === undefined ? put.length : slice.offset + slice.length,
  };
  const unreadable = (error: unknown): Ready => ({ kind: 'entry', line, isContinued: place.isContinued, entry: gapOf(put, error) });
  try {
    // A line that is resumed in the middle was completed before, and so were earlier slices.
    const entry = context.source.complete(context.handle, put, context.signal);
    const expected = offset === 0 ? was : undefined;
    const ready = entry instanceof Promise ? entry.then((complete) => readyOf(complete, expected, place, context)) : readyOf(entry, expected, place, context);
    return ready instanceof Promise ? ready.catch(unreadable) : ready;
  } catch (error) {
    return unreadable(error);
  }
}

function readyOf(entry: Entry, was: Was | undefined, place: Place, context: UnitContext): Ready | Promise<Ready> {
  const { line, isContinued } = place;
  if (entry.gap !== undefined || entry.type !== 'file' || entry.length === 0) return { kind: 'entry', line, isContinued, entry };
  if (was === undefined) return contentOf(entry, place, context);
  return context.isKnown(entry, was).then((isKnown): Ready | Promise<Ready> => (isKnown ? { kind: 'entry', line, isContinued, entry, was } : contentOf(entry, place, context)));
}

function contentOf(entry: Entry, place: Place, context: UnitContext): Ready | Promise<Ready> {
  const { line, isContinued, from, to, isWhole } = place;
  if (context.chunking === 'contentDefined' || to - from > Math.min(smallBytes, context.chunkBytes) || !isWhole) return { kind: 'large', ...place, entry };
  const path = context.source.localContent?.(context.handle, entry);
  if (path === undefined) return readSmall(entry, place, context);
  const unit = { kind: 'small', line, isContinued, entry, bytes: { path, offset: 0, length: entry.length } } as const;
  return context.took(entry.length)?.then(() => unit) ?? unit;
}

async function readSmall(entry: Entry, { line, isContinued }: Place, context: UnitContext): Promise<Ready> {
  const bytes = new Uint8Array(entry.length);
  let filled = 0;
  for await (const part of context.source.read(context.handle, entry, 0, entry.length, context.signal)) {
    if (filled + part.length > bytes.length) throw tooLong(entry);
    bytes.set(part, filled);
    filled += part.length;
    await context.took(part.length);
  }
  if (filled < bytes.length) throw tooShort(entry, filled);
  return { kind: 'small', line, isContinued, entry, bytes };
}

/** The chunks of a file that a thread reads. */
function cutFile(path: string) {
  return async function* (_entry: Entry, from: number, to: number, context: UnitContext): AsyncGenerator<Bytes> {
    for (let offset = from; offset < to; offset += context.chunkBytes) {
      const length = Math.min(context.chunkBytes, to - offset);
      await context.took(length);
      yield { path, offset, length };
    }
  };
}

async function* cutFixed(entry: Entry, from: number, to: number, context: UnitContext): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let chunk = new Uint8Array(Math.min(context.chunkBytes, to - from));
  let filled = 0;
  let offset = from;
  for await (const part of context.source.read(context.handle, entry, from, to - from, context.signal)) {
    await context.took(part.length);
    for (let used = 0; used < part.length;) {
      if (offset === to) throw tooLong(entry);
      const count = Math.min(part.length - used, chunk.length - filled);
      chunk.set(part.subarray(used, used + count), filled);
      used += count;
      filled += count;
      offset += count;
      if (filled === chunk.length) {
        yield chunk;
        chunk = new Uint8Array(Math.min(context.chunkBytes, to - offset));
        filled = 0;
      }
    }
  }
  if (offset < to) throw tooShort(entry, offset - from);
}

async function* cutByContent(entry: Entry, from: number, to: number, context: UnitContext): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const cutter = new ContentCutter(context.chunkBytes);
  let offset = from;
  for await (const part of context.source.read(context.handle, entry, from, to - from, context.signal)) {
    await context.took(part.length);
    offset += part.length;
    if (offset > to) throw tooLong(entry);
    for (const chunk of cutter.push(part)) yield chunk as Uint8Array<ArrayBuffer>;
  }
  if (offset < to) throw tooShort(entry, offset - from);
  for (const chunk of cutter.finish()) yield chunk as Uint8Array<ArrayBuffer>;
}

function tooShort(entry: Entry, got: number): Failure {
  return new Failure('E_CORRUPT', `${entry.key}: the source gave ${got} bytes where it had listed ${entry.length}`);
}

function tooLong(entry: Entry): Failure {
  return new Failure('E_CORRUPT', `${entry.key}: the source gave more bytes than the ${entry.length} it had listed`);
}

/** Lower-case hex SHA-256. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
