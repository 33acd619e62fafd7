import { isCancellation } from '@temporalio/workflow';
import type { BackupPlan, RunRef } from '../contracts/activities.ts';
import { allEnded } from '../contracts/allEnded.ts';
import type { DestinationRef } from '../contracts/run.ts';
import { fail, failureOf } from './failureOf.ts';
import { onCluster } from './onQueue.ts';
import type { Found, Unusable } from './preflight.ts';

/** The set of this run at every destination; not begun yet. Ids of a task's sets are in the order in which they were made, also when a clock was set back. */
export function setsOf(run: RunRef, found: readonly Found[], recoveryPoint: string): readonly DestinationRef[] {
  const newest = found.map((each) => each.newest ?? '').sort().at(-1)!;
  const stamp = stampOf(recoveryPoint);
  const setId = `${stamp > newest ? stamp : after(newest)}-${run.runKey}`;
  return found.map(({ name, repositoryId }) => ({ name, repositoryId, setId }));
}

/** `20261124T010203Z` */
function stampOf(time: string): string {
  return time.replace(/[-:]|\.\d+/g, '');
}

/** A second later. */
function after(stamp: string): string {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp)!.map(Number);
  return stampOf(new Date(Date.UTC(year!, month! - 1, day, hour, minute, second! + 1)).toISOString());
}

/** One of several destinations where no set can be begun does not keep the others from theirs. */
export async function beginSets(run: RunRef, plan: BackupPlan, refs: readonly DestinationRef[], recoveryPoint: string): Promise<{ readonly ready: readonly DestinationRef[]; readonly refused: readonly Unusable[] }> {
  const refused: Unusable[] = [];
  const ready = await allEnded(refs.map(async (ref) => {
    try {
      await onCluster(plan.cluster, 'patient', 'backup').beginSet(run, plan, ref, recoveryPoint);
      return [ref];
    } catch (error) {
      if (isCancellation(error) || refs.length === 1) throw error;
      refused.push({ name: ref.name, failure: failureOf(error, ref.name) });
      return [];
    }
  }));
  if (refused.length === refs.length) throw fail(refused[0]!.failure);
  return { ready: ready.flat(), refused };
}
