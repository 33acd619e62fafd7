import type { ClusterActivities } from '../contracts/activities.ts';
import { Failure } from '../contracts/failure.ts';
import { failures } from '../contracts/failures.ts';
import { connectSource } from './connectSource.ts';
import type { ActivityDependencies } from './dependencies.ts';

/** Points in time: checked, taken, given back. */
export function handleActivities(deps: ActivityDependencies): Pick<ClusterActivities, 'preflightSource' | 'takeHandle' | 'dropHandle'> {
  return {
    async preflightSource(ref) {
      const { session } = await connectSource(deps, ref.cluster, ref.source, ref.instance);
      await using _ = session;
      const { version, problems } = await session.preflight(ref.selection);
      const errors = problems.filter((each) => each.severity === 'error');
      const first = errors[0];
      if (first !== undefined) {
        // What waiting can cure is waited for, for a while.
        const waiting = errors.find((each) => failures[each.code].retryable);
        if (waiting !== undefined) throw new Failure(waiting.code, `${ref.source}@${ref.instance} of ${ref.cluster}: ${waiting.message}`, { hint: waiting.hint });
        throw new Failure('E_PREFLIGHT', `${ref.source}@${ref.instance} of ${ref.cluster}: ${errors.map((each) => each.message).slice(0, 5).join('; ')}`, { hint: first.hint });
      }
      return { version, warnings: problems.map((each) => each.message).slice(0, 20) };
    },
    async takeHandle(_run, ref, name) {
      const { session } = await connectSource(deps, ref.cluster, ref.source, ref.instance);
      await using _ = session;
      return await session.takeHandle(name, ref.selection);
    },
    async dropHandle(ref, name) {
      const { session } = await connectSource(deps, ref.cluster, ref.source, ref.instance);
      await using _ = session;
      await session.dropHandle(name, ref.selection);
    },
  };
}
