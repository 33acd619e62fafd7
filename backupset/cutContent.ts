import { hash } from 'node:crypto';

/** How content is cut at places that its bytes decide; recorded in repository.json. */
export const cutting = { algorithm: 'gear-1', minBytes: 128 << 10, averageBytes: 512 << 10, maxBytes: 1 << 20 } as const;

/** 256 fixed pseudo-random words: the first 4 bytes, little endian, of SHA-256 of "mrs-backup gear <i>". */
function gearTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, i) => hash('sha256', `mrs-backup gear ${i}`, 'buffer').readUInt32LE(0));
}

/**
 * Content-defined cutting with a gear hash: an insertion moves the cuts around it only. The first `minBytes` of a chunk are not
 * looked at. A cut lies after the byte where the upper bits of the hash are zero (22 of 32 before `averageBytes`, 18 from there on), or where the buffer is full.
 */
export class ContentCutter {
  readonly #gear = gearTable();
  readonly #buffer: Uint8Array<ArrayBuffer>;
  #length = 0;
  #hash = 0;

  /** @param chunkBytes of the repository: no chunk may be longer */
  constructor(chunkBytes: number) {
    this.#buffer = new Uint8Array(Math.min(cutting.maxBytes, chunkBytes));
  }

  /** Chunks that end within `bytes`. Each has a buffer of its own. */
  push(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for (let used = 0; used < bytes.length;) {
      const part = bytes.subarray(used, used + this.#buffer.length - this.#length);
      const count = this.#scan(part);
      this.#buffer.set(part.subarray(0, Math.abs(count)), this.#length);
      this.#length += Math.abs(count);
      used += Math.abs(count);
      if (count < 0 || this.#length === this.#buffer.length) chunks.push(this.#take());
    }
    return chunks;
  }

  /** The rest, if there is any. */
  finish(): Uint8Array<ArrayBuffer>[] {
    return this.#length === 0 ? [] : [this.#take()];
  }

  /** How many bytes of `part` belong to the chunk; negative when it ends with them. */
  #scan(part: Uint8Array): number {
    const gear = this.#gear;
    let value = this.#hash;
    for (let i = Math.max(0, cutting.minBytes - this.#length); i < part.length; i++) {
      value = ((value << 1) + gear[part[i]!]!) | 0;
      const shift = this.#length + i < cutting.averageBytes ? 10 : 14;
      if (value >>> shift === 0) return -(i + 1);
    }
    this.#hash = value;
    return part.length;
  }

  #take(): Uint8Array<ArrayBuffer> {
    const chunk = this.#buffer.slice(0, this.#length);
    this.#length = 0;
    this.#hash = 0;
    return chunk;
  }
}
