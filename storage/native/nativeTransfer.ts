import { Failure } from '../../contracts/failure.ts';
import { orAborted } from '../orAborted.ts';
import type { IncomingBlock } from './incomingBlock.ts';
import type { NativeClient } from './nativeClient.ts';
import type { OutgoingBlock } from './outgoingBlock.ts';

/** Blocks asked for or sent ahead of the answers: the child has always one to work on. */
const AHEAD = 4;
/**
 * What a reader gets at once. While he gives each back before he takes the next, it is the same memory again and again, and small enough to stay in the
 * cache of a processor until he wrote it elsewhere. Measured: whole blocks of 1 MiB cost twice the processor time.
 */
const PART_BYTES = 256 * 1024;

/**
 * Writes a body, in blocks of the size the library likes best, without waiting for each. Returns when all are sent: `written` settles when all are
 * answered. Does not throw for an answer before that, as more requests on the handle may follow at once.
 * @param length bytes that come
 */
export async function sendBlocks(client: NativeClient, handle: number, body: AsyncIterable<Uint8Array>, length: number, signal: AbortSignal | undefined): Promise<{ readonly written: Promise<void> }> {
  const underWay: Promise<void>[] = [];
  let position = 0;
  let block: OutgoingBlock | undefined;
  let filled = 0;
  try {
    for await (const part of body) {
      for (let offset = 0; offset < part.length; ) {
        if (block === undefined) {
          if (underWay.length >= AHEAD) await orAborted(underWay.shift()!, signal);
          block = client.block(Math.min(client.offers.blockBytes, length - position));
        }
        const taken = Math.min(part.length - offset, block.length - filled);
        // Whoever gave the part may use its memory again afterwards.
        block.fill(part.subarray(offset, offset + taken), filled);
        offset += taken;
        filled += taken;
        if (filled < block.length) continue;
        const written = block.write(handle, position);
        written.catch(() => {});
        underWay.push(written);
        position += filled;
        block = undefined;
        filled = 0;
      }
    }
  } finally {
    block?.[Symbol.dispose]();
  }
  const written = Promise.all(underWay).then(() => {});
  written.catch(() => {});
  return { written };
}

/** The bytes from `start` to `end` of an open file, asked for ahead. */
export async function* readAhead(client: NativeClient, handle: number, start: number, end: number, what: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const size = client.offers.blockBytes;
  const underWay: { readonly position: number; readonly length: number; readonly block: Promise<IncomingBlock> }[] = [];
  let next = start;
  const ask = (): void => {
    while (next < end && underWay.length < AHEAD) {
      const length = Math.min(size, end - next);
      const block = client.pread(handle, next, length);
      block.catch(() => {});
      underWay.push({ position: next, length, block });
      next += length;
    }
  };
  try {
    for (ask(); underWay.length > 0; ask()) {
      const [{ position, length, block }] = underWay as [(typeof underWay)[0]];
      const there = await orAborted(block, signal);
      if (there.length < length) throw new Failure('E_CORRUPT', `ends at ${position + there.length} instead of ${position + length} or later: ${what}`);
      for (let from = 0; from < length; from += PART_BYTES) yield there.part(from, Math.min(PART_BYTES, length - from));
      underWay.shift();
      there[Symbol.dispose]();
    }
  } finally {
    for (const { block } of underWay) block.then((there) => there[Symbol.dispose](), () => {});
  }
}
