import { createHash } from 'node:crypto';

/** Hashed by the driver and written while it is still in the processor's cache. */
const blockBytes = 1 << 20;

/** A pack in the making: frames one after the other, named by the digest of them all. */
export class PackWriter {
  readonly #packBytes: number;
  readonly #hash = createHash('sha256');
  readonly #room: Buffer | undefined;
  readonly #body: Uint8Array[] = [];
  #storedBytes = 0;

  /**
   * @param room `packBytes` of memory that is the pack's until it is stored. Frames are copied there and given back at once: kept one by one they would be
   * hundreds of megabytes that the garbage collector goes after again and again. Without it frames stay where they are.
   */
  constructor(packBytes: number, room?: Buffer) {
    this.#packBytes = packBytes;
    this.#room = room;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** Whether a frame of this size still goes in. A frame larger than a pack goes into an empty one. */
  fits(frameBytes: number): boolean {
    return this.#storedBytes === 0 || this.#storedBytes + frameBytes <= this.#packBytes;
  }

  add(frame: Uint8Array): { frameOffset: number } {
    const frameOffset = this.#storedBytes;
    this.#hash.update(frame);
    this.#storedBytes += frame.length;
    if (this.#room !== undefined && this.#storedBytes <= this.#room.length) this.#room.set(frame, frameOffset);
    else this.#body.push(this.#room === undefined ? frame : new Uint8Array(frame));
    return { frameOffset };
  }

  /** The finished pack. Once only. */
  finish(): { digest: string; length: number; body: Uint8Array[] } {
    return { digest: this.#hash.digest('hex'), length: this.#storedBytes, body: this.#body.length > 0 || this.#room === undefined ? this.#body : [...blocksOf(this.#room.subarray(0, this.#storedBytes))] };
  }
}

function* blocksOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += blockBytes) yield bytes.subarray(at, at + blockBytes);
}
