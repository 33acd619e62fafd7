import { Failure } from '../contracts/failure.ts';
import { frameHeaderBytes, openFrame, readFrameHeader, type FrameKeys } from './frame.ts';
import { freeBuffers } from './freeBuffers.ts';
import type { OpenedFrame } from './pieceReader.ts';

/** Fills `into` from a position in a pack; returns how many bytes there were, 0 at the end. */
export type ReadPack = (into: Uint8Array, position: number) => number;

/** Frames of a pack by their offset. The last one stays, with its damage: many small pieces share it. */
export class PackFrames {
  readonly #read: ReadPack;
  readonly #keys: FrameKeys | undefined;
  #last: { readonly offset: number; readonly frame?: OpenedFrame; readonly error?: unknown } = { offset: -1 };
  #buffer = Buffer.alloc(2 << 20);

  constructor(read: ReadPack, keys: FrameKeys | undefined) {
    this.#read = read;
    this.#keys = keys;
  }

  /** Its bytes are good until the next call. @throws Failure E_CORRUPT, E_FORMAT, E_KEY */
  open(offset: number): OpenedFrame {
    if (this.#last.offset !== offset) {
      // What was decompressed for the frame before is nobody's any more.
      const before = this.#last.frame?.raw;
      if (before !== undefined && before.buffer !== this.#buffer.buffer && before.buffer.byteLength > Buffer.poolSize) freeBuffers([before]);
      try {
        this.#last = { offset, frame: this.#open(offset) };
      } catch (error) {
        this.#last = { offset, error };
      }
    }
    if (this.#last.frame === undefined) throw this.#last.error;
    return this.#last.frame;
  }

  #open(offset: number): OpenedFrame {
    this.#fill(offset, 0, frameHeaderBytes);
    const storedLength = frameHeaderBytes + readFrameHeader(this.#buffer).storedLength;
    if (storedLength > this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer.subarray(0, frameHeaderBytes)], storedLength);
    this.#fill(offset + frameHeaderBytes, frameHeaderBytes, storedLength - frameHeaderBytes);
    const { raw, rawDigest } = openFrame(this.#buffer.subarray(0, storedLength), this.#keys);
    return { raw, rawDigest: rawDigest.toString('hex'), storedLength };
  }

  #fill(from: number, into: number, length: number): void {
    for (let done = 0; done < length;) {
      const count = this.#read(this.#buffer.subarray(into + done, into + length), from + done);
      if (count === 0) throw new Failure('E_CORRUPT', `a pack ends at ${from + done}, within a frame`);
      done += count;
    }
  }
}
