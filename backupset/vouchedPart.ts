import { Failure } from '../contracts/failure.ts';
import type { FramePool } from './framePool.ts';
import { readShardPacks, readTable, type Table, type TableRef } from './indexFormat.ts';
import type { OverlayLine } from './overlayLine.ts';
import type { IndexedEntry, Piece } from './piece.ts';
import { openIndex, type SourceIndex } from './readIndex.ts';
import type { Repository } from './repository.ts';
import type { ShardCache } from './shardCache.ts';

/**
 * What the verification of a set answers for in the set that follows it, for one source: the shards that both have, and the packs and pieces of
 * those that were replaced. It grows with what changed, not with what there is.
 */
export class VouchedPart {
  readonly #shards: ReadonlySet<string>;
  readonly #packs = new Set<string>();
  /** Of the set before; only where the content is to be verified. */
  readonly #before: SourceIndex | undefined;

  private constructor(shards: ReadonlySet<string>, before: SourceIndex | undefined) {
    this.#shards = shards;
    this.#before = before;
  }

  /**
   * @param before the table of the verified set
   * @param now that of the set that follows it
   * @param cache with shards of that one
   * @param content whether pieces will be asked for
   * @returns `undefined` where the index of the verified set is not what it was
   */
  static async open(repository: Repository, pool: FramePool, before: TableRef, now: Table, cache: ShardCache, content: boolean, signal: AbortSignal | undefined): Promise<VouchedPart | undefined> {
    return await unlessDamaged(() => VouchedPart.#read(repository, pool, before, now, cache, content, signal));
  }

  static async #read(repository: Repository, pool: FramePool, before: TableRef, now: Table, cache: ShardCache, content: boolean, signal: AbortSignal | undefined): Promise<VouchedPart> {
    const kept = new Set([...now.shards, ...now.overlay].map(({ digest }) => digest));
    const { shards, overlay } = await readTable(repository, pool, before, signal);
    const part = new VouchedPart(new Set([...shards, ...overlay].map(({ digest }) => digest).filter((digest) => kept.has(digest))), content ? await openIndex(repository, pool, before, cache) : undefined);
    for (const [kind, refs] of [['shard', shards], ['overlay', overlay]] as const) {
      for (const ref of refs) {
        if (kept.has(ref.digest)) continue;
        for (const [pack] of await readShardPacks(repository, pool, ref, kind, signal)) part.#packs.add(pack);
      }
    }
    return part;
  }

  hasShard(digest: string): boolean {
    return this.#shards.has(digest);
  }

  hasPack(digest: string): boolean {
    return this.#packs.has(digest);
  }

  /** What the overlay of the set before said of this key. */
  async overlayLine(key: string): Promise<OverlayLine | undefined> {
    return await unlessDamaged(() => this.#before?.overlayLine(key));
  }

  /** Whether the entry was there before with just these pieces. Cheap for entries in order. */
  async hasPieces(entry: IndexedEntry): Promise<boolean> {
    const before = (await unlessDamaged(() => this.#before?.find(entry.key)))?.pieces ?? [];
    return before.length === (entry.pieces?.length ?? 0) && before.every((each, index) => isSame(each, entry.pieces![index]!));
  }
}

/** What is damaged answers for nothing. */
async function unlessDamaged<T>(look: () => Promise<T | undefined> | undefined): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof Failure && ['E_CORRUPT', 'E_OBJECT_NOT_FOUND', 'E_FORMAT'].includes(error.code)) return undefined;
    throw error;
  }
}

function isSame(a: Piece, b: Piece): boolean {
  return a.pack === b.pack && a.frameOffset === b.frameOffset && a.storedLength === b.storedLength && a.skip === b.skip && a.length === b.length && a.digest === b.digest;
}
