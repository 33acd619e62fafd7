import { createHash } from 'node:crypto';
import type { Piece } from '../backupset/piece.ts';

/** A piece in the pack that is being filled. */
export interface GrowingPiece extends Omit<Piece, 'digest' | 'length' | 'storedLength' | 'pack' | 'packLength'> {
  readonly growing: true;
  /** Digests of its chunks, in order. */
  readonly chunks: string[];
  length: number;
  storedLength: number;
  pack: string;
  packLength: number;
}

/**
 * Adds a chunk to the piece before it when both lie one after the other, in the same unfinished pack and in the same file, and the piece so far is
 * made of whole chunks. Returns whether it did.
 */
export function growPiece(before: Piece | GrowingPiece | undefined, piece: GrowingPiece, chunkBytes: number): boolean {
  if (before === undefined || !('growing' in before) || before.pack !== '') return false;
  const adjoins = before.frameOffset + before.storedLength === piece.frameOffset && before.offset + before.length === piece.offset;
  if (!adjoins || before.skip !== 0 || piece.skip !== 0 || before.length !== before.chunks.length * chunkBytes) return false;
  before.chunks.push(...piece.chunks);
  before.length += piece.length;
  before.storedLength += piece.storedLength;
  return true;
}

/** The piece as the index keeps it. Digest of one chunk: its own; of several: SHA-256 of their concatenated digests (docs/format.md). */
export function settlePiece(piece: Piece | GrowingPiece): Piece {
  if (!('growing' in piece)) return piece;
  const { growing: _, chunks, ...rest } = piece;
  if (chunks.length === 1) return { ...rest, digest: chunks[0]! };
  const hash = createHash('sha256');
  for (const each of chunks) hash.update(each, 'hex');
  return { ...rest, digest: hash.digest('hex') };
}
