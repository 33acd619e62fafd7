import { allEnded } from '../contracts/allEnded.ts';
import { compareObject } from '../backupset/compareObject.ts';
import type { FramePool } from '../backupset/framePool.ts';
import { packKey } from '../backupset/packKey.ts';
import type { OpenDestination } from './openDestination.ts';
import { readReceipts, readShardDone } from './shardReceipts.ts';
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
 * Sees to it that every pack of a shard was read back and compared with its name: copying did so after each `put`, and those it does not vouch for
 * are read now. What is wrong is removed, together with the shard's receipts, so that copying the shard again stores it anew. Returns whether
 * everything was right.
 */
export async function checkShard(context: CheckContext): Promise<boolean> {
  const verdicts = await allEnded(context.destinations.map((each) => checkAt(each, context)));
  return verdicts.every(Boolean);
}

async function checkAt(destination: OpenDestination, context: CheckContext): Promise<boolean> {
  const { pool, folder, shard, signal, took } = context;
  const unchecked = (await readShardDone(destination, pool, folder, shard, signal))?.unchecked;
  if (unchecked?.length === 0) return true;
  const bad: string[] = [];
  let receipts = 0;
  for await (const { receipt } of readReceipts(destination, pool, folder, shard, signal)) {
    const mustLook = unchecked?.includes(receipts) ?? true;
    receipts += 1;
    if (receipt.pack === null || !mustLook) continue;
    const key = packKey(receipt.pack.digest);
    if ((await compareObject(destination.repository, pool, key, receipt.pack, signal, took)).wrong !== undefined) bad.push(key);
  }
  if (bad.length === 0) return true;
  const { session } = destination.repository;
  await session.remove(shardDoneKey(folder, shard), signal);
  for (let number = receipts - 1; number >= 0; number--) await session.remove(receiptKey(folder, shard, number), signal);
  for (const key of bad) await session.remove(key, signal);
  return false;
}
