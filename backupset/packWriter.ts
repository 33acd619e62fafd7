import { createHash } from 'node:crypto';

/** A pack in the making: frames one after the other, named by the digest of them all. */
export class PackWriter {
  readonly #packBytes: number;
  readonly #hash = createHash('sha256');
  readonly #body: Uint8Array[] = [];
  #storedBytes = 0;

  constructor(packBytes: number) {
    this.#packBytes = packBytes;
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
    this.#body.push(frame);
    this.#storedBytes += frame.length;
    return { frameOffset };
  }

  /** The finished pack. Once only. */
  finish(): { digest: string; length: number; body: Uint8Array[] } {
    return { digest: this.#hash.digest('hex'), length: this.#storedBytes, body: this.#body };
  }
}
