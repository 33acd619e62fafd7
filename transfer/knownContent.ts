import { Failure } from '../contracts/failure.ts';
import type { Entry } from '../contracts/entry.ts';
import type { IndexedEntry, Piece } from '../backupset/piece.ts';
import { packKey } from '../backupset/packKey.ts';
import type { OpenDestination } from './openDestination.ts';

/** Chunks of a parent set's dumps that are remembered: about 150 GB of them. */
const mostChunks = 200_000;

/** What the destinations hold already from the parent set, so that it need not be read or stored again. */
export interface KnownContent {
  /** Pieces of the parent's entry, by destination, when all of them hold it whole and `same` agrees; `undefined` otherwise. */
  ofEntry(entry: Entry, was: { readonly key: string; readonly same: readonly string[] }): Promise<readonly (readonly Piece[])[] | undefined>;
  /** Pieces of the parent's entry of the same key at this very place, by destination, if they are one chunk with one digest: what a chunk of a file that changed may still be. */
  atOffset(entry: Entry, offset: number, length: number): Promise<readonly Piece[] | undefined>;
  /** Whether `ofChunk` can know anything. */
  readonly hasChunks: boolean;
  /** A chunk of this digest, by destination. */
  ofChunk(digest: string): readonly Piece[] | undefined;
}

/** @param chunks whether chunks are looked for too: only for sources that are cut by content. */
export async function createKnownContent(destinations: readonly OpenDestination[], chunks: boolean): Promise<KnownContent> {
  const maps = chunks ? await Promise.all(destinations.map(chunkMap)) : [];
  let before: { readonly key: string; readonly pieces: Promise<readonly (ReadonlyMap<number, Piece> | undefined)[]> } | undefined;
  return {
    hasChunks: chunks,
    async atOffset(entry, offset, length) {
      if (chunks || destinations.some((each) => each.parent === undefined)) return undefined;
      if (before?.key !== entry.key) before = { key: entry.key, pieces: guarded(() => Promise.all(destinations.map((each) => piecesByOffset(each, entry.key)))) };
      const found = (await before.pieces).map((each) => each?.get(offset));
      const first = found[0];
      return found.length > 0 && found.every((each) => each !== undefined && each.length === length && each.digest === first!.digest) ? found as Piece[] : undefined;
    },
    async ofEntry(entry, was) {
      const found = await guarded(() => Promise.all(destinations.map((each) => findWhole(each, entry, was))));
      return found.length > 0 && found.every((each) => each !== undefined) ? found : undefined;
    },
    ofChunk(digest) {
      const found = maps.map((each) => each.get(digest));
      return found.length > 0 && found.every((each) => each !== undefined) ? found : undefined;
    },
  };
}

/** A damaged parent must not stop the run: the content is then read and stored again. */
async function guarded<T>(look: () => Promise<T[]>): Promise<T[]> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof Failure && (error.code === 'E_CORRUPT' || error.code === 'E_OBJECT_NOT_FOUND')) return [];
    throw error;
  }
}

/** Pieces of one chunk of the parent's entry. */
async function piecesByOffset(destination: OpenDestination, key: string): Promise<ReadonlyMap<number, Piece> | undefined> {
  const before = await destination.parent?.find(key);
  if (before?.pieces === undefined || before.gap !== undefined) return undefined;
  return new Map(before.pieces.filter((piece) => piece.length <= destination.repository.chunkBytes && !destination.bad.has(packKey(piece.pack))).map((piece) => [piece.offset, piece]));
}

async function findWhole(destination: OpenDestination, entry: Entry, was: { readonly key: string; readonly same: readonly string[] }): Promise<readonly Piece[] | undefined> {
  const before = await destination.parent?.find(was.key);
  if (before?.pieces === undefined || before.type !== 'file' || before.length !== entry.length || before.gap !== undefined) return undefined;
  if (!was.same.every((name) => name === 'length' || (name in before.attributes && JSON.stringify(before.attributes[name]) === JSON.stringify(entry.attributes[name])))) return undefined;
  return before.pieces.some((piece) => destination.bad.has(packKey(piece.pack))) ? undefined : before.pieces;
}

async function chunkMap(destination: OpenDestination): Promise<Map<string, Piece>> {
  const known = new Map<string, Piece>();
  if (destination.parent === undefined) return known;
  for await (const entry of destination.parent.entries()) {
    for (const piece of (entry as IndexedEntry).pieces ?? []) {
      // Only pieces of one chunk have the chunk's own digest.
      if (piece.length <= destination.repository.chunkBytes && !destination.bad.has(packKey(piece.pack))) known.set(piece.digest, piece);
    }
    if (known.size > mostChunks) break;
  }
  return known;
}
