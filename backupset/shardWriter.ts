import { hash } from 'node:crypto';
import { Failure } from '../contracts/failure.ts';
import type { FramePool } from './framePool.ts';
import { writeTwoFrames, type TableRef } from './indexFormat.ts';
import type { Repository } from './repository.ts';
import type { ShardForm } from './shardForm.ts';

const mostLines = 4096;
const mostLineBytes = 4 << 20;
/** Shards on their way to the destination at once. */
const writesAtOnce = 4;

/** Where shards go. */
export interface ShardTarget {
  readonly repository: Repository;
  readonly pool: FramePool;
  /** Object keys known to be damaged: written again. */
  readonly bad: ReadonlySet<string>;
  readonly signal: AbortSignal | undefined;
}

/** Cuts lines into shards and stores them. */
export class ShardWriter<T extends { readonly key: string }, S extends TableRef & { first: string; last: string }> {
  readonly #target: ShardTarget;
  readonly #form: ShardForm<T, S>;
  readonly #done: S[] = [];
  #lines: string[] = [];
  #lineBytes = 0;
  #packs = new Map<string, { readonly place: number; readonly length: number }>();
  #sum: Omit<S, keyof TableRef>;
  readonly #writes: Promise<void>[] = [];
  /** Shards stored, and taken over as they are. */
  readonly shards = { new: 0, reused: 0 };

  constructor(target: ShardTarget, form: ShardForm<T, S>) {
    this.#target = target;
    this.#form = form;
    this.#sum = form.nothing();
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  /** A promise only where a shard is cut and stored: a full index is millions of lines that need not be waited for. */
  add(item: T): Promise<void> | undefined {
    const line = this.#form.format(item, (pack, length) => this.#place(pack, length));
    if (this.isEmpty) this.#sum.first = item.key;
    this.#sum.last = item.key;
    this.#form.count(this.#sum, item);
    this.#lines.push(line);
    this.#lineBytes += Buffer.byteLength(line);
    return isCutAfter(item.key) || this.#lines.length >= mostLines || this.#lineBytes >= mostLineBytes ? this.#cut() : undefined;
  }

  /** Takes a shard over; only while there is none begun. */
  reuse(shard: S): void {
    this.#done.push(shard);
    this.shards.reused += 1;
  }

  /** Nothing is on its way any more, whatever became of it. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#writes);
  }

  /** All shards, stored. */
  async finish(): Promise<readonly S[]> {
    if (!this.isEmpty) await this.#cut();
    await Promise.all(this.#writes);
    return this.#done;
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
    const { repository, pool, bad, signal } = this.#target;
    const clear = { ...this.#form.clear, packs: [...this.#packs].map(([pack, { length }]) => [pack, length]) };
    const place = this.#done.length;
    const sum = this.#sum;
    // Its place is kept; digest and length follow.
    this.#done.push({ ...sum, digest: '', length: 0 } as S);
    const write = writeTwoFrames(repository, pool, clear, this.#lines.join(''), bad, signal).then(({ isNew, digest, length }) => {
      this.#done[place] = { ...sum, digest, length } as S;
      this.shards[isNew ? 'new' : 'reused'] += 1;
    });
    // A failure is thrown when it is waited for.
    write.catch(() => undefined);
    this.#writes.push(write);
    if (this.#writes.length > writesAtOnce) await this.#writes.shift();
    this.#lines = [];
    this.#lineBytes = 0;
    this.#packs = new Map();
    this.#sum = this.#form.nothing();
  }
}

/** One key in 1,024 ends a shard: the first 10 bits of its SHA-256 are zero. */
function isCutAfter(key: string): boolean {
  return hash('sha256', key) < '004';
}
