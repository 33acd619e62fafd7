import type { ClusterActivities, ControlActivities } from '../contracts/activities.ts';
import { copyActivities } from './copyActivities.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { handleActivities } from './handleActivities.ts';
import { restorationActivities } from './restorationActivities.ts';
import { resolveActivities } from './resolveActivities.ts';
import { restoreActivities } from './restoreActivities.ts';
import { setActivities } from './setActivities.ts';

/** Every activity of the worker. Effects, thin: connect, call, beat; failures are translated around them. */
export function createActivities(deps: ActivityDependencies): ControlActivities & ClusterActivities {
  return {
    ...resolveActivities(deps),
    ...handleActivities(deps),
    ...setActivities(deps),
    ...copyActivities(deps),
    ...restorationActivities(deps),
    ...restoreActivities(deps),
  };
}
