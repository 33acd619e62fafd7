import { listSets, type SetSummary } from '../backupset/listSets.ts';
import type { FailureCode } from '../contracts/failures.ts';
import { Failure } from '../contracts/failure.ts';
import { isNoRepository } from './locateSet.ts';
import { openRepositoryAt, type RepositoryLocation } from './openRepositoryAt.ts';

export interface ListedSet extends Omit<SetSummary, 'verified'> {
  readonly destination: string;
  readonly verified: string | null;
}

export interface SetsAt {
  /** Oldest first. */
  readonly sets: readonly ListedSet[];
  readonly unreachable: readonly { readonly destination: string; readonly code: FailureCode; readonly message: string }[];
}

/**
 * The sets at several destinations. One of several that does not answer is named; one without a repository has no sets.
 * @throws Failure of the first when none answers
 */
export async function listSetsAt(location: Omit<RepositoryLocation, 'destination'>, destinations: readonly string[]): Promise<SetsAt> {
  const sets: ListedSet[] = [];
  const failed: { readonly destination: string; readonly failure: Failure }[] = [];
  for (const destination of destinations) {
    try {
      await using opened = await openRepositoryAt({ ...location, destination, keyless: true });
      for await (const { verified, ...set } of listSets(opened.repository)) sets.push({ destination: opened.destination, ...set, verified: verified ?? null });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (destinations.length > 1 && isNoRepository(error)) continue;
      failed.push({ destination, failure: error });
    }
  }
  const first = failed[0];
  if (first !== undefined && failed.length === destinations.length) throw first.failure;
  sets.sort((a, b) => (a.setId < b.setId ? -1 : a.setId > b.setId ? 1 : 0));
  return { sets, unreachable: failed.map(({ destination, failure }) => ({ destination, code: failure.code, message: failure.message })) };
}
