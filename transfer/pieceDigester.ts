import { createHash, type Hash } from 'node:crypto';
import type { Piece } from '../backupset/piece.ts';

/**
 * Compares a stream of bytes with the pieces of an entry: digest of each piece as docs/format.md defines it, without the stored bytes.
 * Feed all bytes of the content in order, then ask.
 */
export class PieceDigester {
  readonly #pieces: readonly Piece[];
  readonly #chunkBytes: number;
  #index = 0;
  #inPiece = 0;
  #chunk: Hash = createHash('sha256');
  #inChunk = 0;
  #chunks: Buffer[] = [];
  #differsAt: number | undefined;
  #total = 0;

  constructor(pieces: readonly Piece[], chunkBytes: number) {
    this.#pieces = pieces;
    this.#chunkBytes = chunkBytes;
  }

  update(bytes: Uint8Array): void {
    this.#total += bytes.length;
    for (let used = 0; used < bytes.length;) {
      const piece = this.#pieces[this.#index];
      if (piece === undefined) {
        this.#differsAt ??= this.#total - bytes.length + used;
        return;
      }
      const count = Math.min(bytes.length - used, piece.length - this.#inPiece, this.#chunkBytes - this.#inChunk);
      this.#chunk.update(bytes.subarray(used, used + count));
      used += count;
      this.#inPiece += count;
      this.#inChunk += count;
      if (this.#inChunk === this.#chunkBytes || this.#inPiece === piece.length) this.#endChunk();
      if (this.#inPiece === piece.length) this.#endPiece(piece);
    }
  }

  #endChunk(): void {
    this.#chunks.push(this.#chunk.digest());
    this.#chunk = createHash('sha256');
    this.#inChunk = 0;
  }

  #endPiece(piece: Piece): void {
    const digest = this.#chunks.length === 1 ? this.#chunks[0]! : createHash('sha256').update(Buffer.concat(this.#chunks)).digest();
    if (digest.toString('hex') !== piece.digest) this.#differsAt ??= piece.offset;
    this.#chunks = [];
    this.#inPiece = 0;
    this.#index += 1;
  }

  /** Offset from which the content differs, or `undefined` when all of it was fed and is equal. */
  differsAt(): number | undefined {
    if (this.#differsAt !== undefined) return this.#differsAt;
    return this.#index === this.#pieces.length ? undefined : this.#total;
  }
}
