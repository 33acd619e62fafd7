import { Failure } from '../contracts/failure.ts';
import type { FramePool } from './framePool.ts';
import { readShardPacks, readTable, type TableRef } from './indexFormat.ts';
import type { IndexedEntry, Piece } from './piece.ts';
import { openIndex, type SourceIndex } from './readIndex.ts';
import type { Repository } from './repository.ts';

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
   * @param now shards of the set that follows it
   * @param content whether pieces will be asked for
   * @returns `undefined` where the index of the verified set is not what it was
   */
  static async open(repository: Repository, pool: FramePool, before: TableRef, now: readonly (readonly [string, number])[], content: boolean, signal: AbortSignal | undefined): Promise<VouchedPart | undefined> {
    try {
      return await VouchedPart.#read(repository, pool, before, now, content, signal);
    } catch (error) {
      if (error instanceof Failure && ['E_CORRUPT', 'E_OBJECT_NOT_FOUND', 'E_FORMAT'].includes(error.code)) return undefined;
      throw error;
    }
  }

  static async #read(repository: Repository, pool: FramePool, before: TableRef, now: readonly (readonly [string, number])[], content: boolean, signal: AbortSignal | undefined): Promise<VouchedPart> {
    const kept = new Set(now.map(([digest]) => digest));
    const { shards } = await readTable(repository, pool, before, signal);
    const part = new VouchedPart(new Set(shards.map(([digest]) => digest).filter((digest) => kept.has(digest))), content ? await openIndex(repository, pool, before) : undefined);
    for (const [digest, length] of shards) {
      if (kept.has(digest)) continue;
      for (const [pack] of await readShardPacks(repository, pool, { digest, length }, signal)) part.#packs.add(pack);
    }
    return part;
  }

  hasShard(digest: string): boolean {
    return this.#shards.has(digest);
  }

  hasPack(digest: string): boolean {
    return this.#packs.has(digest);
  }

  /** Whether the entry was there before with just these pieces. Cheap for entries in order. */
  async hasPieces(entry: IndexedEntry): Promise<boolean> {
    const before = (await this.#before?.find(entry.key))?.pieces ?? [];
    return before.length === (entry.pieces?.length ?? 0) && before.every((each, index) => isSame(each, entry.pieces![index]!));
  }
}

function isSame(a: Piece, b: Piece): boolean {
  return a.pack === b.pack && a.frameOffset === b.frameOffset && a.storedLength === b.storedLength && a.skip === b.skip && a.length === b.length && a.digest === b.digest;
}
