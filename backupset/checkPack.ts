import type { DamageKind } from './damageList.ts';
import { compareObject } from './compareObject.ts';
import type { FramePool } from './framePool.ts';
import { packKey } from './packKey.ts';
import type { Piece } from './piece.ts';
import type { EntryPlace } from './pieceTable.ts';
import type { Repository } from './repository.ts';
import { checkPieces, checkStored } from './verifyPacks.ts';

/** Reads a pack, compares it with its name and opens the pieces in it: on a thread where it is a local file, as a stream otherwise. `hit`: whose pieces are wrong. */
export async function checkPack(repository: Repository, pool: FramePool, pack: { readonly digest: string; readonly length: number }, pieces: readonly { readonly piece: Piece; readonly place: EntryPlace }[], signal?: AbortSignal): Promise<{ readonly wrong: DamageKind | undefined; readonly read: number; readonly hit: readonly EntryPlace[] }> {
  const path = repository.session.localFile?.(packKey(pack.digest));
  if (path !== undefined) {
    const stored = await compareObject(repository, pool, packKey(pack.digest), pack, signal);
    if (stored.wrong === undefined) return { ...stored, hit: (await pool.checkPack(path, pieces.map((each) => each.piece), repository.keys, repository.chunkBytes)).map((index) => pieces[index]!.place) };
  }
  const { wrong, bytes, read } = await checkStored(repository, pack.digest, pack.length, true, signal);
  return { wrong, read, hit: await Array.fromAsync(checkPieces(repository, pool, bytes, pieces, signal)) };
}
