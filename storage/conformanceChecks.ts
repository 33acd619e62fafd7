import { createHash } from 'node:crypto';
import { allEnded } from '../contracts/allEnded.ts';
import { Failure } from '../contracts/failure.ts';
import type { FailureCode } from '../contracts/failures.ts';
import { sampleBody, type Sample } from './sampleBody.ts';
import type { StorageSession } from './storageDriver.ts';

/** Requests in flight where many small ones are made. */
export const AT_ONCE = 16;

/** What a case works with. Every key it uses begins with `prefix`. */
export interface ConformanceScene {
  readonly session: StorageSession;
  /** A second session on the same destination. */
  readonly other: StorageSession;
  readonly prefix: string;
  readonly largeBytes: number;
  readonly listed: number;
  readonly exclusive: boolean;
  readonly signal: AbortSignal | undefined;
}

/** One promise of `StorageSession`. Throws when it is not kept. Names are stable: `StorageCapabilities.limits` refers to them. */
export interface ConformanceCase {
  readonly name: string;
  run(scene: ConformanceScene): Promise<{ readonly bytesPerSecond?: number; readonly note?: string } | undefined | void>;
}

/** Puts an object in both forms of a body and reads it by the other session. */
export async function roundTrip({ session, other, signal }: ConformanceScene, key: string, sample: Sample): Promise<void> {
  await session.put(key, sample.body(), sample, signal);
  await expectObject(other, key, sample, signal);
  const parts: Uint8Array[] = [];
  for await (const block of sample.body()) parts.push(block);
  await other.put(`${key}-parts`, parts, sample, signal);
  await expectObject(session, `${key}-parts`, sample, signal);
}

/** What is not as promised must be refused, small and large, also over an older object, which then stays. */
export async function refused({ session, prefix, signal }: ConformanceScene, name: string, promise: (sample: Sample) => { length: number; sha256: string }): Promise<void> {
  for (const length of [5, 1_500_000]) {
    const key = `${prefix}refused/${name}`;
    const sample = sampleBody(length, name);
    await expectFailure(session.put(key, sample.body(), promise(sample), signal), 'E_CORRUPT', `${length} bytes`);
    await expectAbsent(session, key, signal);
    const old = sampleBody(9, 'old');
    await session.put(key, old.body(), old, signal);
    await expectFailure(session.put(key, sample.body(), promise(sample), signal), 'E_CORRUPT', `${length} bytes over an older object`);
    await expectObject(session, key, old, signal);
    await session.remove(key, signal);
  }
}

/** Throws unless the object is there with exactly these bytes. */
export async function expectObject(session: StorageSession, key: string, sample: Sample, signal: AbortSignal | undefined): Promise<void> {
  const length = (await session.stat(key, signal))?.length;
  if (length !== sample.length) throw new Error(`length ${length} instead of ${sample.length}: ${key}`);
  const hash = createHash('sha256');
  for await (const chunk of session.get(key, undefined, signal)) hash.update(chunk);
  if (hash.digest('hex') !== sample.sha256) throw new Error(`other bytes than were put: ${key}`);
}

/** Throws unless stat, get and list agree that there is no such object. */
export async function expectAbsent(session: StorageSession, key: string, signal: AbortSignal | undefined): Promise<void> {
  if ((await session.stat(key, signal)) !== undefined) throw new Error(`it is there, but should not be: ${key}`);
  await expectFailure(bytesOf(session.get(key, undefined, signal)), 'E_OBJECT_NOT_FOUND', `reading ${key}`);
  const folder = key.slice(0, key.lastIndexOf('/') + 1);
  if ((await keysOf(session, folder, signal)).includes(key)) throw new Error(`it is listed, but should not be: ${key}`);
}

/** Throws unless it fails with this code. */
export async function expectFailure(promise: Promise<unknown>, code: FailureCode, what: string): Promise<void> {
  const error = await errorOf(promise);
  if (error === undefined) throw new Error(`not refused: ${what}`);
  if (!isFailure(error, code)) throw error;
}

/** Whether an error is a failure of this code. */
export function isFailure(error: unknown, code: FailureCode): boolean {
  return error instanceof Failure && error.code === code;
}

/** The error of a promise, `undefined` when it has none. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error ?? new Error('failed without an error');
  }
}

/** Runs it for all, `AT_ONCE` at a time. */
export async function inBatches<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += AT_ONCE) await allEnded(items.slice(i, i + AT_ONCE).map(run));
}

/** Keys below a prefix. */
export async function keysOf(session: StorageSession, prefix: string, signal: AbortSignal | undefined): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of session.list(prefix, signal)) keys.push(key);
  return keys;
}

/** All bytes of something small. */
export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** Seconds it took. */
export async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}
