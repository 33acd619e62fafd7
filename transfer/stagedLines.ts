import { createHash } from 'node:crypto';
import { Failure } from '../contracts/failure.ts';
import { freeBuffers } from '../backupset/freeBuffers.ts';
import type { FramePool } from '../backupset/framePool.ts';
import { frameHeaderBytes, readFrameHeader } from '../backupset/frame.ts';
import type { Repository } from '../backupset/repository.ts';

/** Raw bytes of lines in a frame: small enough for memory, large enough to compress well. */
const frameTarget = 1 << 20;
/** What a staged object may weigh; a shard's plan or receipt is far below. */
const mostBytes = 256 << 20;
const newline = 0x0a;

/**
 * Lines, each a JSON text, on their way to a staged object. They are made bytes at once: tens of thousands of strings would be kept, moved about and looked
 * at by V8 until the last of them has come.
 */
export class StagedLines {
  #full: Uint8Array<ArrayBuffer>[] = [];
  #last = Buffer.alloc(0);
  #used = 0;
  count = 0;

  add(line: string): void {
    const bytes = Buffer.byteLength(line) + 1;
    if (this.#used + bytes > this.#last.length) {
      if (this.#used > 0) this.#full.push(this.#filled());
      this.#last = Buffer.allocUnsafeSlow(Math.max(frameTarget, bytes));
    }
    this.#used += this.#last.write(line, this.#used);
    this.#last[this.#used++] = newline;
    this.count += 1;
  }

  /** Stores them in frames: compressed, checked and, where a repository is, encrypted. Atomic like every `put`. There are none afterwards. */
  async store(repositories: readonly Repository[], pool: FramePool, key: string, signal?: AbortSignal): Promise<void> {
    const raw = [...this.#full, this.#filled()];
    this.#full = [];
    this.count = 0;
    const encoded = await Promise.all(raw.map((each) => pool.encode(each, repositories.map(({ keys }) => keys))));
    for (const [index, { session }] of repositories.entries()) {
      const frames = encoded.map((each) => each.frames[index]!);
      const hash = createHash('sha256');
      for (const frame of frames) hash.update(frame);
      await session.put(key, frames, { length: frames.reduce((sum, each) => sum + each.length, 0), sha256: hash.digest('hex') }, signal);
    }
    for (const { frames } of encoded) freeBuffers(frames);
  }

  #filled(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#last.buffer.transfer(this.#used));
    this.#last = Buffer.alloc(0);
    this.#used = 0;
    return bytes;
  }
}

/** Stores lines, each a JSON text, as one staged object: see `StagedLines`. */
export async function writeLines(repository: Repository, pool: FramePool, key: string, lines: Iterable<string>, signal?: AbortSignal): Promise<void> {
  const staged = new StagedLines();
  for (const line of lines) staged.add(line);
  await staged.store([repository], pool, key, signal);
}

/** The lines that were stored, or `undefined` when there is no such object. Kept as text, a shard's lines are one thing for the collector instead of a hundred thousand. */
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
