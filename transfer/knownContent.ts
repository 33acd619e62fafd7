import { Failure } from '../contracts/failure.ts';
import type { Entry } from '../contracts/entry.ts';
import type { IndexedEntry, Piece } from '../backupset/piece.ts';
import { packKey } from '../backupset/packKey.ts';
import type { OpenDestination } from './openDestination.ts';

/** Chunks of a parent set's dumps that are remembered: about 200 GB of them at 1 MiB each. */
const mostChunks = 200_000;

/** What the destinations hold already from the parent set, so that it need not be read or stored again. */
export interface KnownContent {
  /** Pieces of the parent's entry, by destination, when all of them hold it whole and `same` agrees; `undefined` otherwise. */
  ofEntry(entry: Entry, was: { readonly key: string; readonly same: readonly string[] }): Promise<readonly (readonly Piece[])[] | undefined>;
  /** A chunk of this digest, by destination. */
  ofChunk(digest: string): readonly Piece[] | undefined;
}

/** @param chunks whether chunks are looked for too: only for sources that are cut by content. */
export async function createKnownContent(destinations: readonly OpenDestination[], chunks: boolean): Promise<KnownContent> {
  const maps = chunks ? await Promise.all(destinations.map(chunkMap)) : [];
  return {
    async ofEntry(entry, was) {
      try {
        const found = await Promise.all(destinations.map((each) => findWhole(each, entry, was)));
        return found.every((each) => each !== undefined) ? found : undefined;
      } catch (error) {
        // A damaged parent must not stop the run: the content is read again.
        if (error instanceof Failure && (error.code === 'E_CORRUPT' || error.code === 'E_OBJECT_NOT_FOUND')) return undefined;
        throw error;
      }
    },
    ofChunk(digest) {
      const found = maps.map((each) => each.get(digest));
      return found.length > 0 && found.every((each) => each !== undefined) ? found : undefined;
    },
  };
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
