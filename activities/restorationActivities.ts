import type { ClusterActivities } from '../contracts/activities.ts';
import { readRestorationDocument, writeRestorationDocument } from '../backupset/restorationDocuments.ts';
import { Failure } from '../contracts/failure.ts';
import type { RestorationPlan } from '../contracts/restoration.ts';
import { planRestoration } from '../restoration/planRestoration.ts';
import { connectSource } from './connectSource.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { openRepositoryOf } from './openRepositoryOf.ts';

/** The documents of a restoration: plan, approval, report; kept at the destination of its first set. */
export function restorationActivities(deps: ActivityDependencies): Pick<ClusterActivities, 'planRestoration' | 'recordApproval' | 'reportRestoration'> {
  return {
    async planRestoration(request) {
      const config = await deps.config();
      const cluster = config.clusters[request.toCluster];
      if (cluster === undefined) throw new Failure('E_CONFIG', `the configuration has no cluster ${request.toCluster}`);
      const plan = await planRestoration({
        request, sources: deps.sources, pool: deps.pool,
        instances: (component) => Object.keys(cluster.services[component] ?? {}),
        open: (destination) => openRepositoryOf(deps, destination),
        connect: async (source, instance) => (await connectSource(deps, request.toCluster, source.name, instance)).session,
      });
      const destination = plan.order[0]!.destination;
      await using opened = await openRepositoryOf(deps, destination);
      await writeRestorationDocument(opened.repository, request.planId, 'plan', plan);
      return {
        planId: plan.planId, digest: plan.digest, destination, order: plan.order, conflicts: plan.conflicts.length, losses: plan.losses.length,
        spaceNeeded: plan.spaceNeeded, approved: request.approved, ...(plan.refused === undefined ? {} : { refused: plan.refused }),
      };
    },
    async recordApproval(destination, planId, digest) {
      await using opened = await openRepositoryOf(deps, destination);
      const plan = (await readRestorationDocument(opened.repository, planId, 'plan')) as RestorationPlan;
      if (plan.digest !== digest) throw new Failure('E_PLAN_CHANGED', `the plan ${planId} at ${destination} has another digest than the approved one`);
      await writeRestorationDocument(opened.repository, planId, 'approval', { planId, digest, approvedAt: new Date().toISOString() });
    },
    async reportRestoration(destination, planId, report) {
      await using opened = await openRepositoryOf(deps, destination);
      await writeRestorationDocument(opened.repository, planId, 'report', report);
    },
  };
}
