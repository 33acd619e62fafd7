import type { BackupPlan, ControlActivities } from '../contracts/activities.ts';
import { Failure } from '../contracts/failure.ts';
import { orderSources } from '../restoration/orderSources.ts';
import { resolveMirror } from '../restoration/resolveMirror.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { openRepositoryOf } from './openRepositoryOf.ts';

/** What the configuration means for a run, read once at its start. */
export function resolveActivities(deps: ActivityDependencies): ControlActivities {
  return {
    async resolveBackup(request): Promise<BackupPlan> {
      const config = await deps.config();
      const task = config.tasks[request.task];
      if (task === undefined || task.cluster !== request.cluster) throw new Failure('E_CONFIG', `the configuration has no task ${request.task} of cluster ${request.cluster}`);
      return {
        cluster: task.cluster,
        task: task.name,
        sources: orderSources(task.sources, deps.sources).map((ref) => ({ ...ref, keepHandle: task.policy.incremental && deps.sources.find((each) => each.name === ref.source)?.chunking === 'fixed' })),
        destinations: task.destinations,
        limits: task.limits,
        incremental: task.policy.incremental,
        fullEvery: task.policy.fullEvery,
        verify: task.verify,
      };
    },
    async resolveMirror(request) {
      const config = await deps.config();
      return await resolveMirror(request, deps.sources, Object.keys(config.destinations), (name) => openRepositoryOf(deps, name));
    },
  };
}
