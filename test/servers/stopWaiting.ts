import { expect } from 'vitest';
import { sampleBody } from '../../storage/sampleBody.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';

/** On a line that is silent: whoever stops waiting for any kind of request is let go, all of them within a time. There is an object `before`. */
export async function stopWaiting(session: StorageSession, withinMs: number): Promise<void> {
  const stopped = new Error('stopped');
  const sample = sampleBody(10, 'new');
  const waiting: ((signal: AbortSignal) => Promise<unknown>)[] = [
    (signal) => session.stat('before', signal), (signal) => session.remove('before', signal), (signal) => session.space(signal), (signal) => session.sweep(0, signal),
    (signal) => session.put('new', sample.body(), sample, signal), (signal) => session.get('before', undefined, signal)[Symbol.asyncIterator]().next(), (signal) => session.list('', signal)[Symbol.asyncIterator]().next(),
  ];
  const begin = performance.now();
  for (const wait of waiting) {
    const abort = new AbortController();
    setTimeout(() => abort.abort(stopped), 30);
    await expect(wait(abort.signal)).rejects.toBe(stopped);
  }
  expect(performance.now() - begin).toBeLessThan(withinMs);
}
