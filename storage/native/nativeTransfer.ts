import { Failure } from '../../contracts/failure.ts';
import { orAborted } from '../orAborted.ts';
import type { NativeClient } from './nativeClient.ts';

/** Blocks asked for or sent ahead of the answers: the child has always one to work on. */
const AHEAD = 4;

/**
 * Writes blocks one after the other without waiting for each. Returns when all are sent: `written` settles when all are answered. Does not throw
 * for an answer before that, as more requests on the handle may follow at once.
 * @param length bytes that come, at most
 */
export async function sendBlocks(client: NativeClient, handle: number, blocks: AsyncIterable<Uint8Array>, length: number, signal: AbortSignal | undefined): Promise<{ readonly written: Promise<void> }> {
  const size = client.offers.blockBytes;
  const underWay: Promise<void>[] = [];
  let position = 0;
  for await (const block of gathered(blocks, size, length)) {
    for (let offset = 0; offset < block.length; offset += size) {
      if (underWay.length >= AHEAD) await orAborted(underWay.shift()!, signal);
      const part = block.subarray(offset, offset + size);
      const { sent, written } = client.pwrite(handle, position, part);
      written.catch(() => {});
      underWay.push(written);
      position += part.length;
      // Who gave the block may use its memory again.
      await orAborted(sent, signal);
    }
  }
  const written = Promise.all(underWay).then(() => {});
  written.catch(() => {});
  return { written };
}

/** Blocks of the size the library likes best, where what comes is smaller: each costs a round trip. Their memory is used again. */
async function* gathered(blocks: AsyncIterable<Uint8Array>, size: number, length: number): AsyncGenerator<Uint8Array> {
  let gathering = Buffer.alloc(0);
  let filled = 0;
  let rest = length;
  for await (const block of blocks) {
    if (filled === 0 && block.length >= Math.min(size, rest)) {
      rest -= block.length;
      yield block;
      continue;
    }
    for (let offset = 0; offset < block.length; ) {
      const wanted = Math.min(size, rest);
      if (filled === 0 && gathering.length !== wanted) gathering = Buffer.allocUnsafeSlow(wanted);
      const taken = Math.min(block.length - offset, gathering.length - filled);
      gathering.set(block.subarray(offset, offset + taken), filled);
      filled += taken;
      offset += taken;
      rest -= taken;
      if (filled < gathering.length) continue;
      yield gathering;
      filled = 0;
    }
  }
  if (filled > 0) yield gathering.subarray(0, filled);
}

/** The bytes from `start` to `end` of an open file, asked for ahead. */
export async function* readAhead(client: NativeClient, handle: number, start: number, end: number, what: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const size = client.offers.blockBytes;
  const underWay: { readonly position: number; readonly length: number; readonly bytes: Promise<Uint8Array> }[] = [];
  let next = start;
  const ask = (): void => {
    while (next < end && underWay.length < AHEAD) {
      const length = Math.min(size, end - next);
      const bytes = client.pread(handle, next, length);
      bytes.catch(() => {});
      underWay.push({ position: next, length, bytes });
      next += length;
    }
  };
  ask();
  for (let asked = underWay.shift(); asked !== undefined; asked = underWay.shift()) {
    const bytes = await orAborted(asked.bytes, signal);
    if (bytes.length < asked.length) throw new Failure('E_CORRUPT', `ends at ${asked.position + bytes.length} instead of ${asked.position + asked.length} or later: ${what}`);
    ask();
    yield bytes;
  }
}
