import { createHash } from 'node:crypto';
import { Failure } from '../contracts/failure.ts';
import type { FramePool } from '../backupset/framePool.ts';
import { frameHeaderBytes, readFrameHeader } from '../backupset/frame.ts';
import type { Repository } from '../backupset/repository.ts';

/** Raw bytes of lines in a frame: small enough for memory, large enough to compress well. */
const frameTarget = 1 << 20;
/** What a staged object may weigh; a shard's plan or receipt is far below. */
const mostBytes = 256 << 20;

/** Stores JSON values as lines in frames: compressed, checked and, where the repository is, encrypted. Atomic like every `put`. */
export async function writeLines(repository: Repository, pool: FramePool, key: string, values: Iterable<unknown>, signal?: AbortSignal): Promise<void> {
  const frames: Uint8Array[] = [];
  let lines: string[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    const { frames: [frame] } = await pool.encode(new TextEncoder().encode(lines.join('')) as Uint8Array<ArrayBuffer>, [repository.keys]);
    frames.push(frame!);
    lines = [];
    size = 0;
  };
  for (const value of values) {
    const line = `${JSON.stringify(value)}\n`;
    lines.push(line);
    size += line.length;
    if (size >= frameTarget) await flush();
  }
  if (lines.length > 0 || frames.length === 0) await flush();
  const hash = createHash('sha256');
  for (const frame of frames) hash.update(frame);
  await repository.session.put(key, frames, { length: frames.reduce((sum, each) => sum + each.length, 0), sha256: hash.digest('hex') }, signal);
}

/** The values `writeLines` stored, or `undefined` when there is no such object. */
export async function readLines<T>(repository: Repository, pool: FramePool, key: string, signal?: AbortSignal): Promise<T[] | undefined> {
  const found = await repository.session.stat(key, signal);
  if (found === undefined) return undefined;
  if (found.length > mostBytes) throw new Failure('E_CORRUPT', `${key} is ${found.length} bytes long, more than anything staged may be`);
  const bytes = Buffer.concat(await Array.fromAsync(repository.session.get(key, undefined, signal)));
  const values: T[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const header = readFrameHeader(bytes.subarray(offset));
    const end = offset + frameHeaderBytes + header.storedLength;
    const raw = await pool.decode(bytes.subarray(offset, end), repository.keys);
    for (const line of new TextDecoder().decode(raw).split('\n')) if (line !== '') values.push(JSON.parse(line) as T);
    offset = end;
  }
  return values;
}
