import { assertPlain, copySet, planCopy, type SetCopy } from '../backupset/copySet.ts';
import { createFramePool } from '../backupset/framePool.ts';
import { writeProof } from '../backupset/proofs.ts';
import type { VerifyResult } from '../backupset/verifySet.ts';
import type { Config } from '../config/config.ts';
import { Failure } from '../contracts/failure.ts';
import { orAborted } from '../storage/orAborted.ts';
import { isNoRepository, locateSet } from './locateSet.ts';
import { isEncryptedAt, openRepositoryAt } from './openRepositoryAt.ts';

export interface CopyRequest {
  readonly config: () => Promise<Config>;
  readonly setId: string;
  /** A destination or a folder; the first configured destination but `to` that has the set when it is not given. */
  readonly from: string | undefined;
  readonly to: string;
  /** Only look what is missing there. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** @param total what is to be gone through in all */
  readonly onProgress: (done: SetCopy, total: SetCopy) => void;
}

export interface CopiedSet extends SetCopy {
  readonly setId: string;
  readonly from: string;
  readonly to: string;
  readonly dryRun: boolean;
  /** Of the copy, where one was made. */
  readonly verified: Pick<VerifyResult, 'level' | 'ok'> & { readonly damage: number } | null;
}

/** Brings a set from one destination to another, makes the repository there where there is none, and leaves a proof beside the copy. @throws Failure as `copySet` and opening either */
export async function copySetTo(request: CopyRequest): Promise<CopiedSet> {
  try {
    return await copyTo(request);
  } catch (error) {
    // Hints of destinations speak to who waits for a run; nobody starts a copy again but whoever started it.
    if (!(error instanceof Failure) || error.rule.kind !== 'destination' || !error.rule.retryable) throw error;
    throw new Failure(error.code, error.message, { hint: `${error.hint}; a copy goes on when it is started again`, details: error.details, cause: error });
  }
}

async function copyTo({ config, setId, from, to, dryRun, signal, onProgress }: CopyRequest): Promise<CopiedSet> {
  await using source = await orAborted(locateSet({ config, destination: from }, setId, to), signal);
  // Before a repository is made for what cannot be brought there.
  assertPlain(source.repository.keys !== undefined, await isEncryptedAt({ config, destination: to }));
  await using pool = createFramePool({ threads: 2 });
  if (dryRun) {
    await using target = await orAborted(openRepositoryAt({ config, destination: to }), signal).catch((error: unknown) => {
      if (!isNoRepository(error)) throw error;
      return undefined;
    });
    return { setId, from: source.destination, to: target?.destination ?? to, dryRun, ...(await planCopy(source.repository, target?.repository, pool, source.set, signal)), verified: null };
  }
  await using target = await orAborted(openRepositoryAt({ config, destination: to, create: true }), signal);
  const plan = await planCopy(source.repository, target.repository, pool, source.set, signal);
  const { copy, verified } = await copySet(source.repository, target.repository, pool, source.set, { signal, onProgress: (done) => onProgress(done, plan) });
  await writeProof(target.repository, verified, source.set);
  return { setId, from: source.destination, to: target.destination, dryRun, ...copy, verified: { level: verified.level, ok: verified.ok, damage: verified.damage.length } };
}
