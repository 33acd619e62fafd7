import { createHash, hash, type Hash } from 'node:crypto';
import { Failure } from '../contracts/failure.ts';
import { packKey } from './packKey.ts';
import type { Piece } from './piece.ts';

export interface OpenedFrame {
  readonly raw: Uint8Array;
  readonly rawDigest: string;
  /** With its header. */
  readonly storedLength: number;
}

/** What of a piece a reader needs. */
export type PiecePlace = Pick<Piece, 'length' | 'digest' | 'pack' | 'frameOffset' | 'storedLength' | 'skip'>;

/** Takes the frames of one piece in order, and gives its raw bytes, checked as docs/format.md says. */
export class PieceReader {
  readonly #piece: PiecePlace;
  readonly #chunkBytes: number;
  readonly #digest: Hash = createHash('sha256');
  #stored = 0;
  #done = 0;

  constructor(piece: PiecePlace, chunkBytes: number) {
    this.#piece = piece;
    this.#chunkBytes = chunkBytes;
  }

  /** Whether all frames of the piece were taken. */
  get isDone(): boolean {
    return this.#stored >= this.#piece.storedLength;
  }

  /** The piece's bytes in its next frame. A piece in one frame gives nothing that is wrong; of others the last frame tells. @throws Failure E_CORRUPT */
  take({ raw, rawDigest, storedLength }: OpenedFrame): Uint8Array {
    const piece = this.#piece;
    const skip = this.#stored === 0 ? piece.skip : 0;
    this.#stored += storedLength;
    if (this.#stored > piece.storedLength || raw.length < skip) throw this.#corrupt('its frames have other lengths');
    const part = raw.subarray(skip, skip + piece.length - this.#done);
    const isWhole = part.length === piece.length && this.#done === 0;
    if (piece.length > this.#chunkBytes) {
      if (skip !== 0 || part.length !== raw.length || part.length !== Math.min(this.#chunkBytes, piece.length - this.#done)) throw this.#corrupt('its frames are not its chunks');
      this.#digest.update(rawDigest, 'hex');
    } else if (isWhole) {
      if ((part.length === raw.length ? rawDigest : hash('sha256', part)) !== piece.digest) throw this.#corrupt('its digest is another one');
    } else {
      this.#digest.update(part);
    }
    this.#done += part.length;
    if (this.#done === piece.length && !isWhole && part.length > 0 && this.#digest.digest('hex') !== piece.digest) throw this.#corrupt('its digest is another one');
    if (this.#done === piece.length && this.#stored < piece.storedLength) throw this.#corrupt('it has frames too many');
    if (this.isDone && this.#done !== piece.length) throw this.#corrupt(`it holds ${this.#done} of ${piece.length} bytes`);
    return part;
  }

  /** @throws Failure E_CORRUPT */
  endsEarly(): never {
    throw this.#corrupt('it ends early');
  }

  #corrupt(what: string): Failure {
    return new Failure('E_CORRUPT', `${packKey(this.#piece.pack)} is damaged at ${this.#piece.frameOffset}: ${what}`);
  }
}
