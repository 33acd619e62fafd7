import { Failure } from '../contracts/failure.ts';
import type { VerificationLevel } from '../contracts/run.ts';
import type { TableRef } from './indexFormat.ts';
import type { SetRef } from './layout.ts';
import { damageOf, readTaskProofs, verificationLevels } from './proofs.ts';
import { readManifestOf } from './readManifest.ts';
import type { Repository } from './repository.ts';

/** The part of a verified set that a source of the following set was built on. */
export interface VouchedBefore {
  readonly setId: string;
  readonly source: string;
  readonly instance: string;
  readonly table: TableRef;
}

/**
 * For each source of a set that is an increment: its part in the set before, where that was verified at this level or a deeper one, and nothing
 * of it is known to be damaged. A full source is built on nothing.
 */
export async function vouchedBefore(repository: Repository, set: SetRef, level: VerificationLevel): Promise<VouchedBefore[]> {
  const manifest = await readManifestOf(repository, set);
  const proofs = await readTaskProofs(repository, set, manifest.sources.flatMap(({ parentSetId }) => parentSetId ?? []));
  const depth = verificationLevels.indexOf(level);
  const vouched: VouchedBefore[] = [];
  for (const { source, instance, kind, parentSetId } of manifest.sources) {
    if (kind === 'full' || parentSetId === null) continue;
    const isVerified = proofs.some((proof) => proof.setId === parentSetId && proof.ok && verificationLevels.indexOf(proof.level) >= depth);
    if (!isVerified || damageOf(proofs, parentSetId).size > 0) continue;
    const parent = await readManifestOf(repository, { cluster: set.cluster, task: set.task, setId: parentSetId }).catch((error: unknown) => {
      if (error instanceof Failure && ['E_SET_NOT_FOUND', 'E_CORRUPT'].includes(error.code)) return undefined;
      throw error;
    });
    const part = parent?.sources.find((each) => each.source === source && each.instance === instance);
    if (part !== undefined) vouched.push({ setId: parentSetId, source, instance, table: part.table });
  }
  return vouched;
}
