import type { ClientRequest } from 'node:http';
import type { Readable } from 'node:stream';
import { Failure } from '../../contracts/failure.ts';

/**
 * Ends a request when nothing moved for `stallMs`, at its deadline, or when `signal` is aborted; the SDK does none of these.
 * What no request was made for in time ends too. Call the result when an answer is there.
 */
export function watchRequest(limits: { readonly stallMs: number; readonly deadlineMs: number | undefined }, what: string, signal: AbortSignal | undefined, end: (error: unknown) => void): { readonly hook: (request: ClientRequest) => void; readonly stop: () => void } {
  let request: ClientRequest | undefined;
  let moved = -1;
  let since = performance.now();
  const begun = since;
  const giveUp = (error: unknown): void => {
    stop();
    request?.destroy(error as Error);
    end(error);
  };
  const onAbort = (): void => giveUp(signal?.reason);
  const timer = setInterval(() => {
    const now = performance.now();
    const { socket } = request ?? {};
    const bytes = socket === null || socket === undefined ? -1 : socket.bytesRead + socket.bytesWritten;
    if (bytes !== moved) {
      moved = bytes;
      since = now;
    }
    if (now - since >= limits.stallMs) giveUp(new Failure('E_DESTINATION_UNREACHABLE', `nothing moved for ${limits.stallMs / 1000} s, at ${what}`));
    else if (limits.deadlineMs !== undefined && now - begun >= limits.deadlineMs) giveUp(new Failure('E_DESTINATION_UNREACHABLE', `no answer within ${limits.deadlineMs / 1000} s, at ${what}`));
  }, Math.min(1000, limits.stallMs / 4));
  const stop = (): void => {
    clearInterval(timer);
    signal?.removeEventListener('abort', onAbort);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    hook(made) {
      request = made;
      // The SDK listens once: a second error would end the process.
      made.on('error', () => undefined);
      made.on('response', (response) => response.on('error', () => undefined));
    },
    stop,
  };
}

/** The chunks of an answer. Only the time spent waiting for the server counts: a slow reader is no stall. */
export async function* watchedChunks(stream: Readable, stallMs: number, what: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  let waitingSince: number | undefined;
  const timer = setInterval(() => {
    if (waitingSince !== undefined && performance.now() - waitingSince >= stallMs) stream.destroy(new Failure('E_DESTINATION_UNREACHABLE', `nothing came for ${stallMs / 1000} s, at ${what}`));
  }, Math.min(1000, stallMs / 4));
  const onAbort = (): void => void stream.destroy(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const chunks = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      signal?.throwIfAborted();
      waitingSince = performance.now();
      const next = await chunks.next();
      waitingSince = undefined;
      if (next.done === true) return;
      yield next.value as Uint8Array;
    }
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', onAbort);
    stream.destroy();
  }
}
