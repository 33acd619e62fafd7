import { createHash } from 'node:crypto';
import { Failure } from '../contracts/failure.ts';
import { freeOwnBuffer } from '../storage/freeOwnBuffer.ts';
import type { DamageKind } from './damageList.ts';
import type { FramePool } from './framePool.ts';
import type { Repository } from './repository.ts';

/**
 * Reads a whole object back and compares it with what it should be: on a thread where it is a local file, as a stream otherwise.
 * @param took called with bytes read; waits where the bandwidth is limited.
 */
export async function compareObject(repository: Repository, pool: FramePool, key: string, expected: { readonly digest: string; readonly length: number }, signal?: AbortSignal, took?: (bytes: number) => Promise<void>): Promise<{ readonly wrong: DamageKind | undefined; readonly read: number }> {
  const { session } = repository;
  signal?.throwIfAborted();
  if (session.localFile !== undefined) {
    const found = await pool.digest(session.localFile(key)).catch(() => undefined);
    await took?.(found?.length ?? 0);
    if (found?.sha256 === expected.digest && found.length === expected.length) return { wrong: undefined, read: found.length };
    // Whatever it is, the session itself says it properly: missing, gone with its medium, unreadable.
  }
  const hash = createHash('sha256');
  let read = 0;
  try {
    for await (const part of session.get(key, undefined, signal)) {
      const { length } = part;
      hash.update(part);
      freeOwnBuffer(part);
      read += length;
      await took?.(length);
    }
  } catch (error) {
    if (error instanceof Failure && error.code === 'E_OBJECT_NOT_FOUND') return { wrong: 'missing', read };
    if (error instanceof Failure && error.code === 'E_CORRUPT') return { wrong: 'length', read };
    throw error;
  }
  return { wrong: read !== expected.length ? 'length' : hash.digest('hex') === expected.digest ? undefined : 'digest', read };
}
