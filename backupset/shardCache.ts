import type { FramePool } from './framePool.ts';
import { readShard, type ShardKind, type TableRef } from './indexFormat.ts';
import type { Repository } from './repository.ts';
import type { ShardLines } from './shardLines.ts';

/** What is kept of shards that were used lately: some tens of usual ones. */
const mostBytes = 8 << 20;

/** Reads shards; those used lately stay in memory, and one that is on its way is not read twice. Indexes that share shards may share it. */
export class ShardCache {
  readonly #repository: Repository;
  readonly #pool: FramePool;
  /** The one used last at the end. */
  readonly #shards = new Map<string, Promise<ShardLines>>();
  readonly #sizes = new Map<string, number>();
  #bytes = 0;

  constructor(repository: Repository, pool: FramePool) {
    this.#repository = repository;
    this.#pool = pool;
  }

  /** @throws Failure E_CORRUPT, E_FORMAT, E_OBJECT_NOT_FOUND, E_KEY */
  read(ref: TableRef, kind: ShardKind, signal?: AbortSignal): Promise<ShardLines> {
    const name = `${kind} ${ref.digest}`;
    const known = this.#shards.get(name);
    const reading = known ?? readShard(this.#repository, this.#pool, ref, kind, signal);
    this.#shards.delete(name);
    this.#shards.set(name, reading);
    if (known === undefined) reading.then((lines) => this.#keep(name, lines.bytes), () => this.#shards.delete(name));
    return reading;
  }

  #keep(name: string, bytes: number): void {
    this.#sizes.set(name, bytes);
    this.#bytes += bytes;
    for (const each of this.#shards.keys()) {
      if (this.#bytes <= mostBytes) return;
      const size = this.#sizes.get(each);
      // One on its way has no size yet, and one larger than all is used before it goes.
      if (size === undefined || each === name) continue;
      this.#shards.delete(each);
      this.#sizes.delete(each);
      this.#bytes -= size;
    }
  }
}
