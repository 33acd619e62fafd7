import { isCancellation } from '@temporalio/workflow';
import type { BackupPlan } from '../contracts/activities.ts';
import { allEnded } from '../contracts/allEnded.ts';
import type { RunFailure } from '../contracts/run.ts';
import { fail, failureOf } from './failureOf.ts';
import { onCluster } from './onQueue.ts';

/** What was seen of a destination before anything was done. */
export interface Found {
  readonly name: string;
  readonly repositoryId: string;
  readonly newest?: string;
}

/** One of several destinations that the run goes on without. */
export interface Unusable {
  readonly name: string;
  readonly failure: RunFailure;
}

/** All sources, all destinations; nothing is changed yet. One of several destinations that cannot be used does not keep the others from theirs. */
export async function preflight(plan: BackupPlan): Promise<{ readonly found: readonly Found[]; readonly absent: readonly Unusable[] }> {
  const { preflightSource, preflightDestination } = onCluster(plan.cluster, 'brief', 'backup');
  const found: Found[] = [];
  const absent: Unusable[] = [];
  const checked = plan.destinations.map(async (name) => {
    try {
      return { name, ...(await preflightDestination(name, { cluster: plan.cluster, task: plan.task, destinations: plan.destinations })), failure: undefined };
    } catch (error) {
      if (isCancellation(error) || plan.destinations.length === 1) throw error;
      return { name, failure: failureOf(error, name) };
    }
  });
  const sources = plan.sources.map((ref) => preflightSource(ref));
  await allEnded<unknown>([...checked, ...sources]);
  const destinations = await allEnded(checked);
  for (const each of destinations) {
    if (each.failure !== undefined) absent.push(each);
    else found.push(each);
  }
  if (found.length === 0) throw fail(absent[0]!.failure);
  return { found, absent };
}
