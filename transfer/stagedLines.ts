import { createHash } from 'node:crypto';
import { Failure } from '../contracts/failure.ts';
import { freeBuffers } from '../backupset/freeBuffers.ts';
import type { FrameResult } from '../backupset/frameJob.ts';
import type { FramePool } from '../backupset/framePool.ts';
import { frameHeaderBytes, readFrameHeader } from '../backupset/frame.ts';
import type { Repository } from '../backupset/repository.ts';

/** Raw bytes of lines in a frame: small enough for memory, large enough to compress well. */
const frameTarget = 1 << 20;
/** What a staged object may weigh; a shard's plan or receipt is far below. */
const mostBytes = 256 << 20;

/** Stores lines, each a JSON text, in frames: compressed, checked and, where the repository is, encrypted. Atomic like every `put`. */
export async function writeLines(repository: Repository, pool: FramePool, key: string, lines: Iterable<string>, signal?: AbortSignal): Promise<void> {
  const encoding: Promise<FrameResult>[] = [];
  let pending: string[] = [];
  let size = 0;
  const flush = (): void => {
    encoding.push(pool.encode(new TextEncoder().encode(pending.join('')) as Uint8Array<ArrayBuffer>, [repository.keys]));
    pending = [];
    size = 0;
  };
  for (const line of lines) {
    pending.push(line, '\n');
    size += line.length;
    if (size >= frameTarget) flush();
  }
  if (pending.length > 0 || encoding.length === 0) flush();
  const frames = (await Promise.all(encoding)).map((each) => each.frames[0]!);
  const hash = createHash('sha256');
  for (const frame of frames) hash.update(frame);
  await repository.session.put(key, frames, { length: frames.reduce((sum, each) => sum + each.length, 0), sha256: hash.digest('hex') }, signal);
  freeBuffers(frames);
}

/** The lines that `writeLines` stored, or `undefined` when there is no such object. Kept as text, a shard's lines are one thing for the collector instead of a hundred thousand. */
export async function readLines(repository: Repository, pool: FramePool, key: string, signal?: AbortSignal): Promise<string[] | undefined> {
  const found = await repository.session.stat(key, signal);
  if (found === undefined) return undefined;
  if (found.length > mostBytes) throw new Failure('E_CORRUPT', `${key} is ${found.length} bytes long, more than anything staged may be`);
  const bytes = Buffer.concat(await Array.fromAsync(repository.session.get(key, undefined, signal)));
  const decoding: Promise<Uint8Array>[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const end = offset + frameHeaderBytes + readFrameHeader(bytes.subarray(offset)).storedLength;
    decoding.push(pool.decode(bytes.subarray(offset, end), repository.keys));
    offset = end;
  }
  const lines: string[] = [];
  for (const raw of await Promise.all(decoding)) {
    for (const line of new TextDecoder().decode(raw).split('\n')) if (line !== '') lines.push(line);
    freeBuffers([raw]);
  }
  return lines;
}

/** The same, parsed. */
export async function readValues<T>(repository: Repository, pool: FramePool, key: string, signal?: AbortSignal): Promise<T[] | undefined> {
  return (await readLines(repository, pool, key, signal))?.map((line) => JSON.parse(line) as T);
}
