import { hash } from 'node:crypto';
import { compareKeys } from '../contracts/compareKeys.ts';
import { Failure } from '../contracts/failure.ts';
import { isBelow } from '../contracts/isBelow.ts';
import type { FramePool } from './framePool.ts';
import { countEntry, countNames, noEntries, type EntryCounts } from './entryCounts.ts';
import { formatEntry, rootOf, writeTwoFrames, type ShardSummary, type TableRef } from './indexFormat.ts';
import { formatVersion } from './jsonObject.ts';
import type { IndexedEntry } from './piece.ts';
import { openIndex, type SourceIndex } from './readIndex.ts';
import type { Repository } from './repository.ts';

const mostEntries = 4096;
const mostLineBytes = 4 << 20;
/** Shards on their way to the destination at once. */
const writesAtOnce = 4;

export interface IndexInput {
  readonly parent?: TableRef;
  /** Keys in order; each goes with everything below it. */
  readonly removed: AsyncIterable<string> | Iterable<string>;
  /** In key order. An entry overrides the parent's of the same key, and comes after a removal of it. */
  readonly puts: AsyncIterable<IndexedEntry> | Iterable<IndexedEntry>;
  /** Object keys known to be damaged: never reused, written again. */
  readonly bad?: ReadonlySet<string>;
  readonly signal?: AbortSignal;
}

export interface WrittenIndex extends Readonly<EntryCounts> {
  readonly table: TableRef;
  readonly root: string;
  readonly shardsNew: number;
  readonly shardsReused: number;
}

/**
 * Merges changes into the parent's index. Shards without a change are taken over unread, and the result is byte for byte what writing all
 * entries anew would give.
 */
export async function writeIndex(repository: Repository, pool: FramePool, input: IndexInput): Promise<WrittenIndex> {
  const bad = input.bad ?? new Set<string>();
  const parent = input.parent === undefined ? undefined : await openIndex(repository, pool, input.parent);
  const removed = await Peek.of(input.removed, (key) => key);
  const puts = await Peek.of(input.puts, (entry) => entry.key);
  const writer = new ShardWriter(repository, pool, bad, input.signal);
  try {
    await merge(parent, puts, removed, writer, input.signal);
    return await writer.finish();
  } finally {
    await writer.ended();
  }
}

/** Hands the writer every entry that is there afterwards, in order, and shards without a change as they are. */
async function merge(parent: SourceIndex | undefined, puts: Peek<IndexedEntry>, removed: Peek<string>, writer: ShardWriter, signal: AbortSignal | undefined): Promise<void> {
  const shards = parent?.shards() ?? [];
  let gone: string | undefined;
  for (let position = 0; position < shards.length; position++) {
    const shard = shards[position]!;
    signal?.throwIfAborted();
    // New entries before the shard.
    while (puts.head !== undefined && compareKeys(puts.head.key, shard.first) < 0) await writer.add(await puts.take());
    gone = await skipRemovals(removed, gone, shard.first);
    const isHit = (puts.head !== undefined && compareKeys(puts.head.key, shard.last) <= 0) || (gone !== undefined && isBelow(shard.first, gone)) || (removed.head !== undefined && compareKeys(removed.head, shard.last) <= 0);
    // A shard that ended only because the index ended must be cut anew when something follows it.
    const isOpenEnded = position === shards.length - 1 && puts.head !== undefined;
    if (!isHit && !isOpenEnded && writer.isEmpty) {
      await writer.reuse(shard);
      continue;
    }
    for (const entry of await parent!.load(position, signal)) {
      while (puts.head !== undefined && compareKeys(puts.head.key, entry.key) < 0) await writer.add(await puts.take());
      gone = await skipRemovals(removed, gone, entry.key);
      if (puts.head?.key === entry.key) await writer.add(await puts.take());
      else if (gone === undefined || !isBelow(entry.key, gone)) await writer.add(entry);
    }
  }
  while (puts.head !== undefined) await writer.add(await puts.take());
}

/** The removal that may cover `key`: the one before it, unless an earlier one covers more. */
async function skipRemovals(removed: Peek<string>, gone: string | undefined, key: string): Promise<string | undefined> {
  while (removed.head !== undefined && compareKeys(removed.head, key) <= 0) {
    const next = await removed.take();
    if (gone === undefined || !isBelow(next, gone)) gone = next;
  }
  return gone;
}

/** A sorted stream with its next item in view. */
class Peek<T> {
  head: T | undefined;
  readonly #items: AsyncIterator<T> | Iterator<T>;
  readonly #keyOf: (item: T) => string;

  private constructor(items: AsyncIterable<T> | Iterable<T>, keyOf: (item: T) => string) {
    this.#items = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#keyOf = keyOf;
  }

  static async of<T>(items: AsyncIterable<T> | Iterable<T>, keyOf: (item: T) => string): Promise<Peek<T>> {
    const peek = new Peek(items, keyOf);
    peek.head = await peek.#next();
    return peek;
  }

  async take(): Promise<T> {
    const taken = this.head!;
    this.head = await this.#next();
    if (this.head !== undefined && compareKeys(this.#keyOf(taken), this.#keyOf(this.head)) >= 0) throw new Failure('E_INTERNAL', `keys are not in order: ${this.#keyOf(this.head)} comes after ${this.#keyOf(taken)}`);
    return taken;
  }

  async #next(): Promise<T | undefined> {
    const { done, value } = await this.#items.next();
    return done === true ? undefined : value;
  }
}

/** Cuts entries into shards and stores them. */
class ShardWriter {
  readonly #repository: Repository;
  readonly #pool: FramePool;
  readonly #bad: ReadonlySet<string>;
  readonly #signal: AbortSignal | undefined;
  readonly #done: ShardSummary[] = [];
  #lines: string[] = [];
  #lineBytes = 0;
  #packs = new Map<string, { readonly place: number; readonly length: number }>();
  #sum = { first: '', last: '', ...noEntries() };
  readonly #writes: Promise<void>[] = [];
  #new = 0;
  #reused = 0;

  constructor(repository: Repository, pool: FramePool, bad: ReadonlySet<string>, signal: AbortSignal | undefined) {
    this.#repository = repository;
    this.#pool = pool;
    this.#bad = bad;
    this.#signal = signal;
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  async add(entry: IndexedEntry): Promise<void> {
    const line = formatEntry(entry, (pack, length) => this.#place(pack, length));
    const sum = this.#sum;
    if (sum.entries === 0) sum.first = entry.key;
    sum.last = entry.key;
    countEntry(sum, entry);
    this.#lines.push(line);
    this.#lineBytes += Buffer.byteLength(line);
    if (isCutAfter(entry.key) || this.#lines.length >= mostEntries || this.#lineBytes >= mostLineBytes) await this.#cut();
  }

  async reuse(shard: ShardSummary): Promise<void> {
    this.#done.push(shard);
    this.#reused += 1;
  }

  /** Nothing is on its way any more, whatever became of it. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#writes);
  }

  async finish(): Promise<WrittenIndex> {
    if (!this.isEmpty) await this.#cut();
    await Promise.all(this.#writes);
    const lines = this.#done.map(({ first, last, entries, files, directories, symlinks, gaps, bytes }) => `${JSON.stringify({ first, last, entries, files, directories, symlinks, gaps, bytes })}\n`);
    const { digest, length } = await writeTwoFrames(this.#repository, this.#pool, { formatVersion, kind: 'table', shards: this.#done.map((each) => [each.digest, each.length]) }, lines.join(''), this.#bad, this.#signal);
    const totals = noEntries();
    for (const each of this.#done) for (const name of countNames) totals[name] += each[name];
    return {
      table: { digest, length }, root: rootOf(this.#done.map((each) => each.digest)),
      ...totals,
      shardsNew: this.#new, shardsReused: this.#reused,
    };
  }

  #place(pack: string, length: number): number {
    const known = this.#packs.get(pack);
    if (known !== undefined) {
      if (known.length !== length) throw new Failure('E_INTERNAL', `pack ${pack} is said to have ${known.length} and ${length} bytes`);
      return known.place;
    }
    const place = this.#packs.size;
    this.#packs.set(pack, { place, length });
    return place;
  }

  async #cut(): Promise<void> {
    const clear = { formatVersion, kind: 'shard', packs: [...this.#packs].map(([pack, { length }]) => [pack, length]) };
    const place = this.#done.length;
    const sum = this.#sum;
    // Its place is kept; digest and length follow.
    this.#done.push({ digest: '', length: 0, ...sum });
    const write = writeTwoFrames(this.#repository, this.#pool, clear, this.#lines.join(''), this.#bad, this.#signal).then(({ isNew, digest, length }) => {
      this.#done[place] = { digest, length, ...sum };
      if (isNew) this.#new += 1;
      else this.#reused += 1;
    });
    // A failure is thrown when it is waited for.
    write.catch(() => undefined);
    this.#writes.push(write);
    if (this.#writes.length > writesAtOnce) await this.#writes.shift();
    this.#lines = [];
    this.#lineBytes = 0;
    this.#packs = new Map();
    this.#sum = { first: '', last: '', ...noEntries() };
  }
}

/** One key in 1,024 ends a shard: the first 10 bits of its SHA-256 are zero. */
export function isCutAfter(key: string): boolean {
  return hash('sha256', key, 'buffer').readUInt16BE(0) < 64;
}
