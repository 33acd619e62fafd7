import { Failure } from '../contracts/failure.ts';
import { freeOwnBuffer } from '../storage/freeOwnBuffer.ts';
import type { FramePool } from './framePool.ts';
import { frameHeaderBytes, readFrameHeader } from './frame.ts';
import { packKey } from './packKey.ts';
import type { Piece } from './piece.ts';
import { PieceReader, type OpenedFrame } from './pieceReader.ts';
import type { Repository } from './repository.ts';

const requestBytes = 8 << 20;
const framesAhead = 4;

export interface ReadOptions {
  readonly offset?: number;
  readonly length?: number;
  readonly signal?: AbortSignal;
}

/**
 * Bytes of an entry's content, in order. Every frame is checked before its bytes are yielded; a piece of several frames is checked as a whole when its
 * last one was yielded, so what was read counts only when the iteration ends without an error. Touched pieces are read whole.
 * @throws Failure E_CORRUPT, E_OBJECT_NOT_FOUND, E_KEY
 */
export async function* readContent(repository: Repository, pool: FramePool, pieces: readonly Piece[], options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
  const from = options.offset ?? 0;
  const total = pieces.length === 0 ? 0 : pieces.at(-1)!.offset + pieces.at(-1)!.length;
  const to = options.length === undefined ? total : from + options.length;
  if (from < 0 || to < from || to > total) throw new Failure('E_INTERNAL', `bytes ${from} to ${to} do not exist in content of ${total} bytes`);
  checkContiguous(pieces);
  const touched = pieces.filter((each) => each.offset < to && each.offset + each.length > from);
  for (const run of runsOf(touched)) {
    const frames = openedFrames(repository, pool, run, options.signal);
    for (const piece of run) {
      let at = piece.offset;
      for await (const part of readPiece(piece, frames, repository.chunkBytes)) {
        const begin = Math.max(0, from - at);
        const end = Math.min(part.length, to - at);
        if (end > begin) yield begin === 0 && end === part.length ? part : part.subarray(begin, end);
        at += part.length;
      }
    }
  }
}

/** Reader for many entries in key order: what small entries share is fetched and opened once. Safe to use from several at once. */
export function createContentReader(repository: Repository, pool: FramePool, { cacheBytes }: { readonly cacheBytes: number }): { read(pieces: readonly Piece[], options?: ReadOptions): AsyncIterable<Uint8Array> } {
  const cache = new FrameCache(repository, pool, cacheBytes);
  return {
    async *read(pieces, options = {}) {
      const isSmall = pieces.length === 1 && pieces[0]!.length <= repository.chunkBytes && pieces[0]!.storedLength <= 2 * repository.chunkBytes && options.offset === undefined && options.length === undefined;
      if (!isSmall) {
        yield* readContent(repository, pool, pieces, options);
        return;
      }
      options.signal?.throwIfAborted();
      checkContiguous(pieces);
      yield* readPiece(pieces[0]!, cache.frames(pieces[0]!), repository.chunkBytes);
    },
  };
}

/** The raw bytes of one piece from its frames, checked against its digest. */
export async function* readPiece(piece: Piece, frames: AsyncIterator<OpenedFrame>, chunkBytes: number): AsyncGenerator<Uint8Array> {
  const reader = new PieceReader(piece, chunkBytes);
  while (!reader.isDone) {
    const next = await frames.next();
    if (next.done === true) reader.endsEarly();
    const part = reader.take(next.value);
    if (part.length > 0) yield part;
  }
}

/** @throws Failure E_CORRUPT when pieces do not follow each other, or lie outside their packs */
export function checkContiguous(pieces: readonly Piece[]): void {
  let offset = 0;
  for (const piece of pieces) {
    if (piece.offset !== offset || piece.frameOffset + piece.storedLength > piece.packLength) throw new Failure('E_CORRUPT', `the pieces of an entry leave a hole at ${offset}`);
    offset += piece.length;
  }
}

/** Pieces that lie one after the other in a pack are read in one go. */
function* runsOf(pieces: readonly Piece[]): Generator<Piece[]> {
  let run: Piece[] = [];
  for (const piece of pieces) {
    const last = run.at(-1);
    if (last !== undefined && (last.pack !== piece.pack || last.frameOffset + last.storedLength !== piece.frameOffset)) {
      yield run;
      run = [];
    }
    run.push(piece);
  }
  if (run.length > 0) yield run;
}

/** Frames of a run, fetched in large ranges, opened on threads a few ahead, in order. */
async function* openedFrames(repository: Repository, pool: FramePool, run: readonly Piece[], signal: AbortSignal | undefined): AsyncGenerator<OpenedFrame> {
  const opening: Promise<OpenedFrame>[] = [];
  for await (const stored of storedFrames(repository, run, signal)) {
    const opened = pool.open(stored, repository.keys).then((frame) => ({ ...frame, storedLength: stored.length }), (error: unknown) => { throw inPack(run[0]!, error); });
    opened.catch(() => undefined);
    opening.push(opened);
    if (opening.length > framesAhead) yield await opening.shift()!;
  }
  for (const each of opening) yield await each;
}

async function* storedFrames(repository: Repository, run: readonly Piece[], signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const first = run[0]!;
  const end = run.at(-1)!.frameOffset + run.at(-1)!.storedLength;
  let rest: Uint8Array = new Uint8Array(0);
  let next: Promise<Buffer> | undefined = fetchRange(repository, first.pack, first.frameOffset, Math.min(end, first.frameOffset + requestBytes), signal);
  for (let at = Math.min(end, first.frameOffset + requestBytes); next !== undefined;) {
    const bytes: Buffer = await next;
    const to = Math.min(end, at + requestBytes);
    next = at < end ? fetchRange(repository, first.pack, at, to, signal) : undefined;
    next?.catch(() => undefined);
    at = to;
    const joined: Uint8Array = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let used = 0;
    while (joined.length - used >= frameHeaderBytes) {
      const length = frameHeaderBytes + frameLengthIn(first, joined.subarray(used));
      if (used + length > joined.length) break;
      yield joined.subarray(used, used + length);
      used += length;
    }
    rest = joined.subarray(used);
  }
  if (rest.length > 0) throw corrupt(first, 'a frame ends behind it');
}

function frameLengthIn(piece: Piece, bytes: Uint8Array): number {
  try {
    return readFrameHeader(bytes).storedLength;
  } catch (error) {
    throw inPack(piece, error);
  }
}

/** Exactly these bytes of a pack, in a buffer of their own. */
export async function fetchRange(repository: Repository, pack: string, from: number, to: number, signal?: AbortSignal): Promise<Buffer<ArrayBuffer>> {
  let bytes = Buffer.alloc(0);
  let filled = 0;
  for await (const part of repository.session.get(packKey(pack), { offset: from, length: to - from }, signal)) {
    // Not before something came: what an index says is not believed for that.
    if (filled === 0) bytes = Buffer.allocUnsafeSlow(to - from);
    if (filled + part.length <= bytes.length) bytes.set(part, filled);
    filled += part.length;
    freeOwnBuffer(part);
  }
  if (filled !== to - from) throw new Failure('E_CORRUPT', `${packKey(pack)} gave ${filled} instead of ${to - from} bytes`);
  return bytes;
}

/** The last frames that were opened, and the reading ahead of the next. */
class FrameCache {
  readonly #repository: Repository;
  readonly #pool: FramePool;
  readonly #cacheBytes: number;
  readonly #spans: { readonly pack: string; readonly from: number; readonly to: number; readonly bytes: Promise<Buffer> }[] = [];
  readonly #frames = new Map<string, { readonly frames: Promise<OpenedFrame[]>; bytes: number }>();
  #spanBytes = 0;
  #frameBytes = 0;

  constructor(repository: Repository, pool: FramePool, cacheBytes: number) {
    this.#repository = repository;
    this.#pool = pool;
    this.#cacheBytes = cacheBytes;
  }

  async *frames(piece: Piece): AsyncGenerator<OpenedFrame> {
    const name = `${piece.pack}:${piece.frameOffset}:${piece.storedLength}`;
    let kept = this.#frames.get(name);
    if (kept === undefined) {
      const fresh = { frames: this.#open(piece), bytes: 0 };
      kept = fresh;
      fresh.frames.then((frames) => {
        fresh.bytes = frames.reduce((sum, each) => sum + each.raw.length, 0);
        this.#frameBytes += fresh.bytes;
        for (const [oldest, { bytes }] of this.#frames) {
          if (this.#frameBytes <= this.#cacheBytes / 2 || oldest === name) break;
          this.#frames.delete(oldest);
          this.#frameBytes -= bytes;
        }
      }, () => this.#frames.delete(name));
      this.#frames.set(name, fresh);
    }
    yield* await kept.frames;
  }

  async #open(piece: Piece): Promise<OpenedFrame[]> {
    const bytes = await this.#fetch(piece);
    const frames: OpenedFrame[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = frameHeaderBytes + frameLengthIn(piece, bytes.subarray(at));
      if (at + length > bytes.length) throw corrupt(piece, 'a frame ends behind it');
      const opened = await this.#pool.open(bytes.subarray(at, at + length), this.#repository.keys).catch((error: unknown) => { throw inPack(piece, error); });
      frames.push({ ...opened, storedLength: length });
      at += length;
    }
    return frames;
  }

  async #fetch(piece: Piece): Promise<Buffer> {
    const end = piece.frameOffset + piece.storedLength;
    const there = this.#spans.find((each) => each.pack === piece.pack && each.from <= piece.frameOffset && each.to >= end);
    if (there !== undefined) return (await there.bytes).subarray(piece.frameOffset - there.from, end - there.from);
    // Whoever goes through a pack in order gets more at once.
    const isInOrder = this.#spans.some((each) => each.pack === piece.pack && each.from < piece.frameOffset);
    const to = isInOrder ? Math.min(piece.packLength, Math.max(end, piece.frameOffset + Math.min(4 << 20, Math.floor(this.#cacheBytes / 8)))) : end;
    const bytes = fetchRange(this.#repository, piece.pack, piece.frameOffset, to);
    const span = { pack: piece.pack, from: piece.frameOffset, to, bytes };
    this.#spans.push(span);
    this.#spanBytes += to - piece.frameOffset;
    bytes.catch(() => {
      const place = this.#spans.indexOf(span);
      if (place >= 0) this.#drop(place);
    });
    while (this.#spanBytes > this.#cacheBytes / 2 && this.#spans.length > 1) this.#drop(0);
    try {
      return (await bytes).subarray(0, end - piece.frameOffset);
    } catch (error) {
      // What lies behind the piece may be damaged; that is not its fault.
      if (to === end || !(error instanceof Failure && error.code === 'E_CORRUPT')) throw error;
      return await fetchRange(this.#repository, piece.pack, piece.frameOffset, end);
    }
  }

  #drop(place: number): void {
    const [dropped] = this.#spans.splice(place, 1);
    this.#spanBytes -= dropped!.to - dropped!.from;
  }
}

function corrupt(piece: Piece, what: string): Failure {
  return new Failure('E_CORRUPT', `${packKey(piece.pack)} is damaged at ${piece.frameOffset}: ${what}`);
}

function inPack(piece: Piece, error: unknown): unknown {
  return error instanceof Failure && error.code === 'E_CORRUPT' ? new Failure('E_CORRUPT', `${packKey(piece.pack)} is damaged near ${piece.frameOffset}: ${error.message}`, { cause: error }) : error;
}
