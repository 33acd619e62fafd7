import { closeSync, constants, openSync, readSync } from 'node:fs';
import { Failure } from '../contracts/failure.ts';
import { freeBuffers } from './freeBuffers.ts';
import { frameHeaderBytes, openFrame, readFrameHeader, type FrameKeys } from './frame.ts';
import { PieceReader, type OpenedFrame, type PiecePlace } from './pieceReader.ts';

/** Opens the pieces of a pack that is a file of this machine, in the order they lie in it. Returns the places of those that are wrong. @throws the system's error */
export function checkPackFile(path: string, pieces: readonly PiecePlace[], keys: FrameKeys | undefined, chunkBytes: number): number[] {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const frames = new FrameFile(fd, keys);
    return pieces.flatMap((piece, place) => (isRight(piece, frames, chunkBytes) ? [] : [place]));
  } finally {
    closeSync(fd);
  }
}

function isRight(piece: PiecePlace, frames: FrameFile, chunkBytes: number): boolean {
  try {
    const reader = new PieceReader(piece, chunkBytes);
    for (let at = piece.frameOffset; !reader.isDone;) {
      const frame = frames.open(at);
      reader.take(frame);
      at += frame.storedLength;
    }
    return true;
  } catch (error) {
    if (error instanceof Failure && (error.code === 'E_CORRUPT' || error.code === 'E_FORMAT')) return false;
    throw error;
  }
}

/** Frames of a file by their offset. The last one stays, with its damage: many small pieces share it. */
export class FrameFile {
  readonly #fd: number;
  readonly #keys: FrameKeys | undefined;
  #last: { readonly offset: number; readonly frame?: OpenedFrame; readonly error?: unknown } = { offset: -1 };
  #buffer = Buffer.alloc(2 << 20);

  constructor(fd: number, keys: FrameKeys | undefined) {
    this.#fd = fd;
    this.#keys = keys;
  }

  /** Its bytes are good until the next call. @throws Failure E_CORRUPT, E_FORMAT, E_KEY */
  open(offset: number): OpenedFrame {
    if (this.#last.offset !== offset) {
      // What was decompressed for the frame before is nobody's any more.
      const before = this.#last.frame?.raw;
      if (before !== undefined && before.buffer !== this.#buffer.buffer && before.buffer.byteLength > Buffer.poolSize) freeBuffers([before]);
      try {
        this.#last = { offset, frame: this.#read(offset) };
      } catch (error) {
        this.#last = { offset, error };
      }
    }
    if (this.#last.frame === undefined) throw this.#last.error;
    return this.#last.frame;
  }

  #read(offset: number): OpenedFrame {
    this.#fill(offset, 0, frameHeaderBytes);
    const storedLength = frameHeaderBytes + readFrameHeader(this.#buffer).storedLength;
    if (storedLength > this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer.subarray(0, frameHeaderBytes)], storedLength);
    this.#fill(offset + frameHeaderBytes, frameHeaderBytes, storedLength - frameHeaderBytes);
    const { raw, rawDigest } = openFrame(this.#buffer.subarray(0, storedLength), this.#keys);
    return { raw, rawDigest: rawDigest.toString('hex'), storedLength };
  }

  #fill(from: number, into: number, length: number): void {
    for (let done = 0; done < length;) {
      const count = readSync(this.#fd, this.#buffer, into + done, length - done, from + done);
      if (count === 0) throw new Failure('E_CORRUPT', `a pack ends at ${from + done}, within a frame`);
      done += count;
    }
  }
}
