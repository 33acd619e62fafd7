import { createHash } from 'node:crypto';
import type { Piece } from '../backupset/piece.ts';
import type { CopiedPiece } from './shardReceipts.ts';

/** A piece in the pack that is being filled, whose digest is known when it is finished. */
export interface GrowingPiece extends Omit<CopiedPiece, 'digest' | 'length' | 'storedLength' | 'pack' | 'packLength'> {
  readonly growing: true;
  /** Digests of its chunks, in order. */
  readonly chunks: string[];
  length: number;
  storedLength: number;
}

/** Pieces of one file, as far as that is possible: so many chunks are known by their own digest, and so long may a line of the index be. */
const mostPieces = 4096;

/** Chunks of one piece, in a file of this length. One, unless the file is very large: then an increment can tell which of them changed. */
export function chunksPerPiece(fileBytes: number, chunkBytes: number): number {
  return Math.max(1, Math.ceil(fileBytes / chunkBytes / mostPieces));
}

/**
 * Adds a chunk to the piece before it when both lie one after the other, in the same unfinished pack and in the same file, and the piece so far is
 * made of whole chunks and has fewer than `most`. Returns whether it did.
 */
export function growPiece(before: Piece | GrowingPiece | undefined, piece: GrowingPiece, chunkBytes: number, most: number): boolean {
  if (before === undefined || !('growing' in before) || before.chunks.length >= most) return false;
  const adjoins = before.frameOffset + before.storedLength === piece.frameOffset && before.offset + before.length === piece.offset;
  if (!adjoins || before.skip !== 0 || piece.skip !== 0 || before.length !== before.chunks.length * chunkBytes) return false;
  before.chunks.push(...piece.chunks);
  before.length += piece.length;
  before.storedLength += piece.storedLength;
  return true;
}

/** The piece as a receipt has it. */
export function copiedPiece(piece: Piece | GrowingPiece): CopiedPiece {
  if (!('growing' in piece)) return piece;
  const { offset, length, frameOffset, storedLength, skip } = piece;
  return { offset, length, digest: digestOf(piece.chunks), frameOffset, storedLength, skip };
}

/** The piece as the index keeps it, when its pack is finished. */
export function settlePiece(piece: Piece | GrowingPiece, pack: { readonly digest: string; readonly length: number } | null | undefined): Piece {
  return 'growing' in piece ? { ...copiedPiece(piece), pack: pack!.digest, packLength: pack!.length } : piece;
}

/** Of one chunk: its own; of several: SHA-256 of their concatenated digests (docs/format.md). */
function digestOf(chunks: readonly string[]): string {
  if (chunks.length === 1) return chunks[0]!;
  const hash = createHash('sha256');
  for (const each of chunks) hash.update(each, 'hex');
  return hash.digest('hex');
}
