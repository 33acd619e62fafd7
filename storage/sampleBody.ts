import { createHash } from 'node:crypto';
import type { PutExpectation } from './storageDriver.ts';

const BLOCK_BYTES = 1024 * 1024;

/** Bytes that look random, differ from block to block and from seed to seed, and cost almost nothing to make. */
export interface Sample extends PutExpectation {
  /** The bytes, made anew each time. */
  body(): AsyncGenerator<Uint8Array>;
}

/** A sample of this length. The same seed gives the same bytes. */
export function sampleBody(length: number, seed: string): Sample {
  const pattern = Buffer.alloc(Math.min(BLOCK_BYTES, length));
  for (let offset = 0; offset < pattern.length; ) {
    offset += createHash('sha256').update(`${seed} ${offset}`).digest().copy(pattern, offset);
  }
  function* blocks(): Generator<Uint8Array> {
    for (let offset = 0; offset < length; offset += BLOCK_BYTES) {
      const block = Buffer.from(pattern.subarray(0, Math.min(BLOCK_BYTES, length - offset)));
      if (block.length >= 8) block.writeDoubleLE(offset + 1, 0);
      yield block;
    }
  }
  const hash = createHash('sha256');
  for (const block of blocks()) hash.update(block);
  return {
    length,
    sha256: hash.digest('hex'),
    async *body() {
      yield* blocks();
    },
  };
}
