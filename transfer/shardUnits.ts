import { createHash } from 'node:crypto';
import type { Entry } from '../contracts/entry.ts';
import { Failure } from '../contracts/failure.ts';
import type { Handle } from '../contracts/handle.ts';
import { ContentCutter } from '../backupset/cutContent.ts';
import type { SourceSession } from '../components/dataSource.ts';
import type { Bytes } from './packStream.ts';
import { gapOf } from './gapOf.ts';
import { orderedMap } from '../backupset/orderedMap.ts';
import type { PlanLine } from './planLine.ts';
import type { ShardCursor } from './shardReceipts.ts';

/** Files up to this size are read whole, many at once; larger ones as a stream. */
const smallBytes = 1 << 20;
/** Small files in flight: their cost is the round trips. */
const smallAtOnce = 32;

/** What a shard is made of, in the order of its plan. `line` is the place in the plan. */
export type Unit =
  /** No bytes are needed: directories, symlinks, gaps, empty files, and content that is expected to be known. */
  | { readonly kind: 'entry'; readonly line: number; readonly entry: Entry; readonly was?: { readonly key: string; readonly same: readonly string[] } }
  /** A whole small file. */
  | { readonly kind: 'small'; readonly line: number; readonly entry: Entry; readonly bytes: Bytes }
  /** A chunk of a larger one; `last` ends the line. */
  | { readonly kind: 'chunk'; readonly line: number; readonly entry: Entry; readonly bytes: Bytes; readonly offset: number; readonly last: boolean };

export interface UnitContext {
  readonly source: SourceSession;
  readonly handle: Handle;
  readonly chunking: 'fixed' | 'contentDefined';
  readonly chunkBytes: number;
  readonly signal: AbortSignal;
  /** Whether the content of this entry is known at every destination, so that it need not be read. */
  readonly isKnown: (entry: Entry, was: { readonly key: string; readonly same: readonly string[] }) => Promise<boolean>;
  /** Called with bytes read; waits where the bandwidth is limited. */
  readonly took: (bytes: number) => Promise<void>;
}

type Ready = { readonly line: number; readonly unit?: Unit; readonly large?: { readonly entry: Entry; readonly from: number; readonly to: number } };

/** Reads the lines of a shard from the cursor on: small files many at once, large ones as a stream, everything in order. */
export async function* shardUnits(lines: readonly PlanLine[], cursor: ShardCursor, context: UnitContext): AsyncGenerator<Unit> {
  const numbers = Array.from({ length: lines.length - cursor.line }, (_, index) => cursor.line + index);
  for await (const ready of orderedMap(numbers, smallAtOnce, (line) => prepare(lines[line]!, line, line === cursor.line ? cursor.offset : 0, context))) {
    if (ready.unit !== undefined) yield ready.unit;
    if (ready.large === undefined) continue;
    const { entry, from, to } = ready.large;
    const path = context.chunking === 'fixed' ? context.source.localContent?.(context.handle, entry) : undefined;
    const chunks = context.chunking === 'contentDefined' ? cutByContent : path === undefined ? cutFixed : cutFile(path);
    let offset = from;
    try {
      for await (const bytes of chunks(entry, from, to, context)) {
        // The consumer takes the buffer over: its length is not to be asked afterwards.
        const { length } = bytes;
        yield { kind: 'chunk', line: ready.line, entry, bytes, offset, last: offset + length === to };
        offset += length;
      }
    } catch (error) {
      yield { kind: 'entry', line: ready.line, entry: gapOf(entry, error) };
    }
  }
}

async function prepare(line: PlanLine, number: number, offset: number, context: UnitContext): Promise<Ready> {
  if ('remove' in line) return { line: number };
  const { slice, was } = line;
  const from = (slice?.offset ?? 0) + offset;
  const to = slice === undefined ? line.put.length : slice.offset + slice.length;
  try {
    // A line that is resumed in the middle was completed before, and so were earlier slices.
    const entry = await context.source.complete(context.handle, line.put, context.signal);
    if (entry.gap !== undefined || entry.type !== 'file' || entry.length === 0) return { line: number, unit: { kind: 'entry', line: number, entry } };
    if (was !== undefined && offset === 0 && (await context.isKnown(entry, was))) return { line: number, unit: { kind: 'entry', line: number, entry, was } };
    if (context.chunking === 'contentDefined' || to - from > Math.min(smallBytes, context.chunkBytes) || slice !== undefined || offset > 0) return { line: number, large: { entry, from, to } };
    const path = context.source.localContent?.(context.handle, entry);
    if (path !== undefined) {
      await context.took(entry.length);
      return { line: number, unit: { kind: 'small', line: number, entry, bytes: { path, offset: 0, length: entry.length } } };
    }
    const bytes = new Uint8Array(entry.length);
    let filled = 0;
    for await (const part of context.source.read(context.handle, entry, 0, entry.length, context.signal)) {
      if (filled + part.length > bytes.length) throw tooLong(entry);
      bytes.set(part, filled);
      filled += part.length;
      await context.took(part.length);
    }
    if (filled < bytes.length) throw tooShort(entry, filled);
    return { line: number, unit: { kind: 'small', line: number, entry, bytes } };
  } catch (error) {
    return { line: number, unit: { kind: 'entry', line: number, entry: gapOf(line.put, error) } };
  }
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
