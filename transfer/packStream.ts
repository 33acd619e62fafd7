import type { FileStretch, FrameResult } from '../backupset/frameJob.ts';
import { freeBuffers } from '../backupset/freeBuffers.ts';
import type { FramePool } from '../backupset/framePool.ts';
import { PackWriter } from '../backupset/packWriter.ts';
import type { Piece } from '../backupset/piece.ts';
import type { Entry } from '../contracts/entry.ts';
import { Failure } from '../contracts/failure.ts';
import { gapOf } from './gapOf.ts';
import { chunksPerPiece, copiedPiece, growPiece, settlePiece, type GrowingPiece } from './growingPiece.ts';
import type { OpenDestination } from './openDestination.ts';
import { formatCopied, type ShardCursor } from './shardReceipts.ts';

/** Small files share a frame of about this many raw bytes: faster and smaller than one each. */
const frameTarget = 1 << 20;
/** Entries without content wait with the small files around them, but not for ever. */
const mostPending = 2048;

/** A stretch of an entry's content, or an entry that has none; `last` ends the entry's line. */
export interface ContentItem {
  readonly line: number;
  readonly entry: Entry;
  /** Offset of the stretch in the entry's content. */
  readonly offset: number;
  readonly length: number;
  readonly last: boolean;
  /** Of a file whose beginning is another line's, and which is counted there. */
  readonly isContinued?: boolean;
  /** Where every destination holds it already; `undefined`: it is in the frame. Empty lists: there is nothing to hold. */
  readonly known?: readonly (readonly Piece[])[];
}

/** Bytes of content: here already, or in a file of this machine that a thread reads. */
export type Bytes = Uint8Array<ArrayBuffer> | FileStretch;

interface Step {
  readonly items: readonly ContentItem[];
  readonly encoded: FrameResult | undefined;
  /** Where every destination holds the only item, if its content is what is expected. */
  readonly expected?: readonly (readonly Piece[])[] | undefined;
}

/** What is counted of the entries in a cut. */
export interface CutCounts {
  entries: number;
  files: number;
  bytes: number;
  gaps: number;
}

/** A finished pack, by destination, with everything its receipt says. */
export interface CutPack {
  readonly cursor: ShardCursor;
  readonly packs: readonly ({ readonly digest: string; readonly length: number; readonly body: readonly Uint8Array[] } | null)[];
  /** Entries that ended in this cut, as lines of the receipt, by destination. */
  readonly lines: readonly (readonly string[])[];
  /** How many they are. */
  readonly counted: CutCounts;
  readonly open: readonly (readonly Piece[])[];
}

export interface PackStreamOptions {
  readonly pool: FramePool;
  readonly destinations: readonly OpenDestination[];
  /** Frames being encoded at once. */
  readonly ahead: number;
  readonly cursor: ShardCursor;
  /** Pieces that the entry at the cursor has so far, by destination. */
  readonly open: readonly (readonly Piece[])[];
  /** Returns when the cut before it is stored: the memory of that one is then filled again. */
  readonly onCut: (cut: CutPack) => Promise<void>;
}

/**
 * Turns a shard's contents into packs: frames are encoded on the pool's threads a few ahead, and laid into one pack per destination, cut at the
 * same places, so that one reading serves all of them. Nothing here depends on timing: the same contents make the same packs.
 */
export class PackStream {
  readonly #options: PackStreamOptions;
  readonly #steps: Promise<Step>[] = [];
  #pending: { items: ContentItem[]; parts: Bytes[]; bytes: number } = { items: [], parts: [], bytes: 0 };
  #writers: PackWriter[] = [];
  /** Two by destination: one is filled while the other is on its way. */
  readonly #rooms: readonly (readonly [Buffer[], Buffer[]])[];
  #packs = 0;
  /** Pieces of the entry in the making. */
  #open: (Piece | GrowingPiece)[][];
  /** Entries that ended since the last cut, by destination. As text: their objects are gone before the collector has moved them about. */
  #finished: string[][];
  #counted: CutCounts = { entries: 0, files: 0, bytes: 0, gaps: 0 };
  #cursor: ShardCursor;
  /** The last line that ended early because its content could not be read: what of it is still on its way does not count. */
  #given: number | undefined;
  /** Of shards in work at once the one that began first gets the threads first: they end one after the other, and while one is stored another is compressed. */
  readonly #rank = performance.now();

  constructor(options: PackStreamOptions) {
    this.#options = options;
    this.#cursor = options.cursor;
    this.#open = options.open.map((each) => [...each]);
    this.#finished = options.destinations.map(() => []);
    this.#rooms = options.destinations.map(() => [[], []]);
    this.#newPack();
  }

  /**
   * Something that needs no frame, or a small file, which shares one with its neighbours. Takes the buffer over. Returns a promise only where something
   * has to be waited for: of a file of a few kilobytes the waiting would be the larger part.
   */
  add(item: ContentItem, bytes?: Bytes): Promise<void> | undefined {
    const isOther = bytes !== undefined && this.#pending.parts[0] !== undefined && 'path' in bytes !== 'path' in this.#pending.parts[0];
    const isFull = this.#pending.bytes > 0 && this.#pending.bytes + (bytes?.length ?? 0) > frameTarget;
    return isOther || isFull ? this.#flushPending().then(() => this.#keep(item, bytes)) : this.#keep(item, bytes);
  }

  #keep(item: ContentItem, bytes: Bytes | undefined): Promise<void> | undefined {
    this.#pending.items.push(item);
    if (bytes !== undefined) this.#pending.parts.push(bytes);
    this.#pending.bytes += bytes?.length ?? 0;
    return this.#pending.bytes >= frameTarget || this.#pending.items.length >= mostPending ? this.#flushPending() : undefined;
  }

  /** A chunk of a larger file: a frame of its own, unless its content is that of the `expected` pieces, one per destination. Takes the buffer over. */
  async addChunk(item: ContentItem, bytes: Bytes, expected?: readonly Piece[]): Promise<void> {
    if (this.#options.destinations.some(({ repository }) => bytes.length > repository.chunkBytes)) throw new Failure('E_INTERNAL', `${item.entry.key}: a chunk of ${bytes.length} bytes is longer than a chunk of the repository may be`);
    await this.#flushPending();
    await this.#pushFrame([item], [bytes], bytes.length, expected);
  }

  /** Writes the rest down. The last cut is always made, so that entries without content have a receipt too. */
  async finish(lines: number): Promise<void> {
    await this.#flushPending();
    while (this.#steps.length > 0) await this.#apply(await this.#steps.shift()!);
    this.#cursor = { line: lines, offset: 0 };
    await this.#cut();
  }

  /** Lets frames in flight end when the shard is given up. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#steps);
  }

  /** Gives the memory of the packs back, when all of them are stored or given up. */
  free(): void {
    freeBuffers(this.#rooms.flat(2));
  }

  async #flushPending(): Promise<void> {
    const { items, parts, bytes } = this.#pending;
    if (items.length === 0) return;
    this.#pending = { items: [], parts: [], bytes: 0 };
    if (bytes === 0) {
      await this.#push(Promise.resolve({ items, encoded: undefined }));
      return;
    }
    await this.#pushFrame(items, parts, bytes);
  }

  async #pushFrame(items: readonly ContentItem[], parts: readonly Bytes[], size: number, expected?: readonly Piece[]): Promise<void> {
    const { pool, destinations } = this.#options;
    const keys = destinations.map((each) => each.repository.keys);
    const known = expected?.[0]?.digest;
    const encoded = 'path' in parts[0]! ? pool.encodeFiles(parts as readonly FileStretch[], keys, known, this.#rank) : pool.encode(joined(parts as readonly Uint8Array<ArrayBuffer>[], size), keys, placesOf(items), known, this.#rank);
    await this.#push(encoded.then((done) => ({ items, encoded: done, expected: done.rawDigest === known ? expected?.map((piece) => [piece]) : undefined })));
  }

  async #push(step: Promise<Step>): Promise<void> {
    // A failure is thrown when its turn comes.
    step.catch(() => undefined);
    this.#steps.push(step);
    while (this.#steps.length > this.#options.ahead) await this.#apply(await this.#steps.shift()!);
  }

  async #apply({ items, encoded, expected }: Step): Promise<void> {
    const frames = encoded?.frames ?? [];
    if (frames.length > 0 && this.#writers.some((writer, index) => writer.storedBytes > 0 && !writer.fits(frames[index]!.length))) await this.#cut();
    const sizes = frames.map((frame) => frame.length);
    const places = frames.map((frame, index) => this.#writers[index]!.add(frame).frameOffset);
    freeBuffers(new Set(frames));
    let skip = 0;
    let digests = 0;
    for (const item of items) {
      if (item.line === this.#given) continue;
      const known = item.known ?? expected;
      if (known !== undefined) {
        for (const [index, pieces] of known.entries()) this.#open[index]!.push(...pieces);
      } else {
        const place = digests++;
        const failed = encoded!.failed?.find((each) => each.item === place);
        if (failed !== undefined) {
          const gap = gapOf(item.entry, new Failure(failed.code, `${item.entry.key}: ${failed.message}`));
          this.#given = item.line;
          this.#advance({ ...item, entry: gap, last: true });
          continue;
        }
        for (const [index, frameOffset] of places.entries()) this.#addPiece(index, item, encoded!.itemDigests[place]!, frameOffset, sizes[index]!, skip);
        skip += item.length;
      }
      this.#advance(item);
    }
  }

  #addPiece(destination: number, item: ContentItem, digest: string, frameOffset: number, storedLength: number, skip: number): void {
    const open = this.#open[destination]!;
    const { chunkBytes } = this.#options.destinations[destination]!.repository;
    const piece: GrowingPiece = { growing: true, offset: item.offset, length: item.length, chunks: [digest], frameOffset, storedLength, skip };
    if (growPiece(open.at(-1), piece, chunkBytes, chunksPerPiece(item.entry.length, chunkBytes))) return;
    open.push(piece);
  }

  #advance(item: ContentItem): void {
    if (!item.last) {
      this.#cursor = { line: item.line, offset: item.offset + item.length };
      return;
    }
    for (const [index, lines] of this.#finished.entries()) {
      // What was read of an entry before it turned out to be unreadable is no content.
      lines.push(formatCopied(item.entry, item.entry.gap === undefined ? this.#open[index]!.map(copiedPiece) : []));
      this.#open[index] = [];
    }
    if (item.isContinued !== true) this.#count(item.entry);
    this.#cursor = { line: item.line + 1, offset: 0 };
  }

  async #cut(): Promise<void> {
    const packs = this.#writers.map((writer) => (writer.storedBytes === 0 ? null : writer.finish()));
    const open = this.#open.map((each, index) => each.map((piece) => settlePiece(piece, packs[index])));
    this.#open = open.map((each) => [...each]);
    const lines = this.#finished;
    this.#finished = lines.map(() => []);
    const counted = this.#counted;
    this.#counted = { entries: 0, files: 0, bytes: 0, gaps: 0 };
    this.#newPack();
    await this.#options.onCut({ cursor: this.#cursor, packs, lines, counted, open });
  }

  #count({ type, length, gap }: Entry): void {
    this.#counted.entries += 1;
    this.#counted.files += type === 'file' ? 1 : 0;
    this.#counted.bytes += length;
    this.#counted.gaps += gap === undefined ? 0 : 1;
  }

  #newPack(): void {
    this.#writers = this.#options.destinations.map((each, index) => new PackWriter(each.repository.packBytes, this.#rooms[index]![this.#packs % 2]));
    this.#packs += 1;
  }
}

function joined(parts: readonly Uint8Array<ArrayBuffer>[], size: number): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0]!;
  const raw = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    raw.set(part, offset);
    offset += part.length;
  }
  // What is smaller is in the heap of V8, or hardly worth the call.
  freeBuffers(parts.filter((part) => part.byteLength >= 4096));
  return raw;
}

/** Where the items lie in their frame. */
function placesOf(items: readonly ContentItem[]): { offset: number; length: number }[] {
  const places: { offset: number; length: number }[] = [];
  let offset = 0;
  for (const item of items) {
    if (item.known !== undefined) continue;
    places.push({ offset, length: item.length });
    offset += item.length;
  }
  return places;
}
