import { compareObject } from './compareObject.ts';
import type { DamageKind } from './damageList.ts';
import type { FramePool } from './framePool.ts';
import { inLanes } from './inLanes.ts';
import { packKey } from './packKey.ts';
import { PackSet } from './packSet.ts';
import type { Repository } from './repository.ts';
import { checkPresence } from './verifyPacks.ts';

export interface LookOptions {
  /** Packs that were read back before: only whether they are there is looked at. */
  readonly readBack?: PackSet | undefined;
  /** Packs in work at once. */
  readonly parallel: number;
  readonly signal?: AbortSignal | undefined;
  /** Told of each pack: what is wrong with it, if anything, and how many bytes were read. */
  readonly onPack: (digest: string, wrong: DamageKind | undefined, read: number) => void;
}

/** Looks whether packs are there with their lengths (`presence`), or reads them and compares them with their names (`stored`). Returns how many of the latter needed no reading. */
export async function lookAtPacks(repository: Repository, pool: FramePool, packs: PackSet, level: 'presence' | 'stored', options: LookOptions): Promise<number> {
  if (level === 'presence') {
    await lookForPacks(repository, packs, options);
    return 0;
  }
  const readBack = new PackSet();
  const others = new PackSet();
  for (const { digest, length } of packs.all()) (options.readBack?.has(digest, length) === true ? readBack : others).add(digest, length);
  const count = await lookForPacks(repository, readBack, options);
  await inLanes(others.all(), options.parallel, async ({ digest, length }) => {
    const { wrong, read } = await compareObject(repository, pool, packKey(digest), { digest, length }, options.signal);
    options.onPack(digest, wrong, read);
  });
  return count;
}

async function lookForPacks(repository: Repository, packs: PackSet, { parallel, signal, onPack }: LookOptions): Promise<number> {
  let count = 0;
  await inLanes(Array.from({ length: 256 }, (_, byte) => byte), parallel, async (byte) => {
    for await (const { digest, wrong } of checkPresence(repository, packs, byte, signal)) {
      onPack(digest, wrong, 0);
      count += 1;
    }
  });
  return count;
}
