import { Failure } from '../contracts/failure.ts';
import type { PutExpectation } from './storageDriver.ts';

/** Below this, chunks are gathered into blocks; above it a chunk is a block of its own and is not copied. */
const GATHER_BELOW = 256 * 1024;
/** Size of the blocks small chunks are gathered into. Measured: smaller halves the speed of a file system, larger gains nothing. */
const BLOCK_BYTES = 1024 * 1024;

/**
 * The bytes of a body in blocks fit for writing, counted on the way. Throws instead of ending when they are not as many as was promised, and before
 * yielding anything beyond the promised length. Errors of the body itself pass unchanged. What their digest is, whoever sees them later says to `checkDigest`.
 * @throws Failure E_CORRUPT
 */
export async function* countedBody(
  body: readonly Uint8Array[] | AsyncIterable<Uint8Array>,
  expected: PutExpectation,
  what: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  let block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, Math.max(expected.length, 1)));
  let filled = 0;
  for await (const chunk of abortable(body, signal)) {
    total += chunk.length;
    if (total > expected.length) throw new Failure('E_CORRUPT', `more bytes than the ${expected.length} promised, for ${what}; nothing was stored`);
    if (filled > 0 && (chunk.length >= GATHER_BELOW || filled + chunk.length > block.length)) {
      yield block.subarray(0, filled);
      // A new one: the receiver may still hold the last.
      block = Buffer.allocUnsafe(BLOCK_BYTES);
      filled = 0;
    }
    if (chunk.length >= GATHER_BELOW) {
      yield chunk;
    } else {
      block.set(chunk, filled);
      filled += chunk.length;
    }
  }
  signal?.throwIfAborted();
  if (filled > 0) yield block.subarray(0, filled);
  if (total !== expected.length) throw new Failure('E_CORRUPT', `${total} bytes instead of the ${expected.length} promised, for ${what}; nothing was stored`);
}

/** The same chunks; stops waiting for the next one as soon as `signal` is aborted, with its reason. */
async function* abortable(body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  if (signal === undefined || !(Symbol.asyncIterator in body)) {
    yield* body;
    return;
  }
  const iterator = body[Symbol.asyncIterator]();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {});
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  let ended = false;
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted.promise]);
      if (next.done === true) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not awaited: a generator that hangs in its `next` would hang here too.
    if (!ended) void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
