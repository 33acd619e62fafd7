import { createHash } from 'node:crypto';

/** Memory of a pack comes in blocks, as much as is needed: the collector goes by what was asked for, not by what was used. */
const blockBytes = 4 << 20;
/** Hashed by the driver and written while it is still in the processor's cache. */
const partBytes = 1 << 20;

/** A pack in the making: frames one after the other, named by the digest of them all. */
export class PackWriter {
  readonly #packBytes: number;
  readonly #hash = createHash('sha256');
  readonly #room: Buffer[];
  #storedBytes = 0;

  /**
   * @param room blocks that are the pack's until it is stored, and more are added where they do not suffice. Frames are copied there and given back at once:
   * kept one by one they would be hundreds of megabytes that the garbage collector goes after again and again.
   */
  constructor(packBytes: number, room: Buffer[] = []) {
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
    for (let used = 0; used < frame.length;) {
      const at = this.#storedBytes % blockBytes;
      const block = (this.#room[Math.floor(this.#storedBytes / blockBytes)] ??= Buffer.allocUnsafeSlow(blockBytes));
      const count = Math.min(frame.length - used, blockBytes - at);
      block.set(frame.subarray(used, used + count), at);
      used += count;
      this.#storedBytes += count;
    }
    return { frameOffset };
  }

  /** The finished pack. Once only. */
  finish(): { digest: string; length: number; body: Uint8Array[] } {
    const body: Uint8Array[] = [];
    for (let offset = 0; offset < this.#storedBytes; offset += partBytes) {
      const at = offset % blockBytes;
      body.push(this.#room[Math.floor(offset / blockBytes)]!.subarray(at, at + Math.min(partBytes, this.#storedBytes - offset)));
    }
    return { digest: this.#hash.digest('hex'), length: this.#storedBytes, body };
  }
}
