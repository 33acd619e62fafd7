import { createHash } from 'node:crypto';
import { Failure } from '../contracts/failure.ts';
import type { FramePool } from '../backupset/framePool.ts';
import { packKey } from '../backupset/packKey.ts';
import type { OpenDestination } from './openDestination.ts';
import { readReceipts } from './shardReceipts.ts';
import { receiptKey, shardDoneKey } from './stagingKeys.ts';

export interface CheckContext {
  readonly folder: string;
  readonly shard: number;
  readonly destinations: readonly OpenDestination[];
  readonly pool: FramePool;
  readonly signal: AbortSignal;
  readonly took: (bytes: number) => Promise<void>;
}

/**
 * Reads back every pack of a shard and compares it with its name. What is wrong is removed, together with the shard's receipts, so that
 * copying the shard again stores it anew. Returns whether everything was right.
 */
export async function checkShard(context: CheckContext): Promise<boolean> {
  const verdicts = await Promise.all(context.destinations.map((each) => checkAt(each, context)));
  return verdicts.every(Boolean);
}

async function checkAt(destination: OpenDestination, context: CheckContext): Promise<boolean> {
  const { pool, folder, shard, signal } = context;
  const bad: string[] = [];
  let receipts = 0;
  for await (const { receipt } of readReceipts(destination, pool, folder, shard, signal)) {
    receipts += 1;
    if (receipt.pack !== null && !(await isRight(destination, receipt.pack, context))) bad.push(packKey(receipt.pack.digest));
  }
  if (bad.length === 0) return true;
  const { session } = destination.repository;
  await session.remove(shardDoneKey(folder, shard), signal);
  for (let number = receipts - 1; number >= 0; number--) await session.remove(receiptKey(folder, shard, number), signal);
  for (const key of bad) await session.remove(key, signal);
  return false;
}

async function isRight(destination: OpenDestination, pack: { readonly digest: string; readonly length: number }, context: CheckContext): Promise<boolean> {
  const hash = createHash('sha256');
  let length = 0;
  try {
    for await (const bytes of destination.repository.session.get(packKey(pack.digest), undefined, context.signal)) {
      hash.update(bytes);
      length += bytes.length;
      await context.took(bytes.length);
    }
  } catch (error) {
    if (error instanceof Failure && (error.code === 'E_OBJECT_NOT_FOUND' || error.code === 'E_CORRUPT')) return false;
    throw error;
  }
  return length === pack.length && hash.digest('hex') === pack.digest;
}
