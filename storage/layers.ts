import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../contracts/failure.ts';
import type { PutExpectation, StorageSession } from './storageDriver.ts';

type Body = Parameters<StorageSession['put']>[1];

/** A limit of bytes per second that any number of transfers share. */
export interface Limiter {
  /** Waits until this many bytes may pass. */
  take(bytes: number, signal?: AbortSignal): Promise<void>;
  /** Bytes per second from now on, also for those who wait; `undefined` lifts the limit. */
  setRate(bytesPerSecond: number | undefined): void;
}

/** How much may pass at once after a pause. */
const BURST_SECONDS = 0.25;
/** Waits are cut into pieces, so that a new rate holds soon. */
const LONGEST_WAIT_MS = 200;

/** A token bucket. Bytes are taken on credit and waited for afterwards, so a chunk larger than the bucket passes too. */
export function createLimiter({ bytesPerSecond }: { readonly bytesPerSecond: number | undefined }): Limiter {
  let rate = checkedRate(bytesPerSecond);
  let tokens = 0;
  let filledAt = performance.now();
  const fill = (): void => {
    const now = performance.now();
    if (rate !== undefined) tokens = Math.min(rate * BURST_SECONDS, tokens + (rate * (now - filledAt)) / 1000);
    filledAt = now;
  };
  return {
    async take(bytes, signal) {
      fill();
      if (rate === undefined) return;
      tokens -= bytes;
      // What has to flow in before this transfer's last byte is paid for; those who came later do not count.
      let owed = -tokens;
      for (let since = performance.now(); owed > 0 && rate !== undefined; ) {
        await sleep(Math.min(LONGEST_WAIT_MS, Math.ceil((owed / rate) * 1000)), undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
          signal?.throwIfAborted();
          throw error;
        });
        const now = performance.now();
        owed -= ((rate ?? Infinity) * (now - since)) / 1000;
        since = now;
      }
    },
    setRate(next) {
      fill();
      rate = checkedRate(next);
      if (rate === undefined) tokens = 0;
    },
  };
}

function checkedRate(rate: number | undefined): number | undefined {
  if (rate !== undefined && !(rate > 0)) throw new Failure('E_USAGE', `not a number of bytes per second: ${rate}`);
  return rate;
}

/** The same session; the bytes of `get` and `put` pass at the rate of the limiter, so objects are no local files any more. */
export function throttled(session: StorageSession, limiter: Limiter): StorageSession {
  async function* slowed(chunks: readonly Uint8Array[] | AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      await limiter.take(chunk.length, signal);
      yield chunk;
    }
  }
  return {
    ...passing(session),
    ...(session.create === undefined ? {} : { create: (key: string, body: Body, expected: PutExpectation, signal?: AbortSignal) => session.create!(key, slowed(body, signal), expected, signal) }),
    put: (key, body, expected, signal) => session.put(key, slowed(body, signal), expected, signal),
    get: (key, range, signal) => slowed(session.get(key, range, signal), signal),
  };
}

/** Requests begun and bytes moved, by verb. */
export type StorageCounts = Record<'put' | 'get' | 'stat' | 'list' | 'remove' | 'space' | 'unfinished' | 'sweep', { requests: number; bytes: number; failures: number }>;

/** All zero. */
export function emptyCounts(): StorageCounts {
  const zero = (): StorageCounts['put'] => ({ requests: 0, bytes: 0, failures: 0 });
  return { put: zero(), get: zero(), stat: zero(), list: zero(), remove: zero(), space: zero(), unfinished: zero(), sweep: zero() };
}

/** The same session; what passes is added to `counts`. */
export function metered(session: StorageSession, counts: StorageCounts): StorageSession {
  async function* counted<T>(verb: 'put' | 'get' | 'list' | 'unfinished', items: readonly T[] | AsyncIterable<T>, bytes: (item: T) => number): AsyncGenerator<T> {
    for await (const item of items) {
      counts[verb].bytes += bytes(item);
      yield item;
    }
  }
  async function call<T>(verb: keyof StorageCounts, work: () => Promise<T>): Promise<T> {
    counts[verb].requests++;
    try {
      return await work();
    } catch (error) {
      counts[verb].failures++;
      throw error;
    }
  }
  async function* stream<T>(verb: 'get' | 'list' | 'unfinished', items: () => AsyncIterable<T>, bytes: (item: T) => number): AsyncGenerator<T> {
    counts[verb].requests++;
    try {
      yield* counted(verb, items(), bytes);
    } catch (error) {
      counts[verb].failures++;
      throw error;
    }
  }
  const localFile = (key: string): string => {
    counts.get.requests++;
    return session.localFile!(key);
  };
  return {
    ...passing(session),
    ...(session.localFile === undefined ? {} : { localFile }),
    ...(session.create === undefined ? {} : { create: (key: string, body: Body, expected: PutExpectation, signal?: AbortSignal) => call('put', () => session.create!(key, counted('put', body, (chunk) => chunk.length), expected, signal)) }),
    put: (key, body, expected, signal) => call('put', () => session.put(key, counted('put', body, (chunk) => chunk.length), expected, signal)),
    get: (key, range, signal) => stream('get', () => session.get(key, range, signal), (chunk) => chunk.length),
    stat: (key, signal) => call('stat', () => session.stat(key, signal)),
    list: (prefix, signal) => stream('list', () => session.list(prefix, signal), () => 0),
    remove: (key, signal) => call('remove', () => session.remove(key, signal)),
    space: (signal) => call('space', () => session.space(signal)),
    unfinished: (signal) => stream('unfinished', () => session.unfinished(signal), () => 0),
    sweep: (...args) => call('sweep', () => session.sweep(...args)),
  };
}

/** The same session; everything that would change the destination throws E_UNSUPPORTED. */
export function readOnly(session: StorageSession): StorageSession {
  const refuse = async (what: string): Promise<never> => {
    throw new Failure('E_UNSUPPORTED', `the destination was opened for reading only: ${what}`, { hint: 'this is a command that must not change anything' });
  };
  return { ...passing(session), ...(session.localFile === undefined ? {} : { localFile: (key: string) => session.localFile!(key) }), put: (key) => refuse(`put ${key}`), remove: (key) => refuse(`remove ${key}`), sweep: () => refuse('sweep') };
}

function passing(session: StorageSession): StorageSession {
  return {
    ...(session.found === undefined ? {} : { found: session.found }),
    ...(session.reusable === undefined ? {} : { reusable: session.reusable }),
    put: (...args) => session.put(...args),
    get: (...args) => session.get(...args),
    stat: (...args) => session.stat(...args),
    list: (...args) => session.list(...args),
    remove: (...args) => session.remove(...args),
    space: (...args) => session.space(...args),
    unfinished: (...args) => session.unfinished(...args),
    sweep: (...args) => session.sweep(...args),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
