import { decodeSegment } from '../../backupset/layout.ts';
import { readManifest } from '../../backupset/readManifest.ts';
import { readRestorationDocument } from '../../backupset/restorationDocuments.ts';
import { readDescription } from '../../backupset/sourceDescription.ts';
import { sources } from '../../components/sources.ts';
import type { RestoreTarget, SourceSession } from '../../components/dataSource.ts';
import { Failure } from '../../contracts/failure.ts';
import { workflowIds } from '../../contracts/names.ts';
import type { RestorationPlan, RestoreStep } from '../../contracts/restoration.ts';
import { restoreTarget } from '../../restoration/restoreTarget.ts';
import type { OpenRepository } from '../openRepositoryAt.ts';
import type { Candidate } from './leftover.ts';
import type { ReapContext } from './reapContext.ts';
import { connectInstance } from './sourceInstances.ts';

/**
 * What restorations that were approved and never reported made at their targets: temporary databases and folders, also a swap that was
 * begun. Only the way back removes it, unless the restoration was putting the last of it away.
 */
export async function restorationLeftovers(context: ReapContext, kept: OpenRepository): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const planId of (await context.tried(kept.destination, null, () => unreported(kept))) ?? []) {
    candidates.push(...((await context.tried(kept.destination, planId, () => leftBy(context, kept, planId))) ?? []));
  }
  return candidates;
}

async function leftBy(context: ReapContext, kept: OpenRepository, planId: string): Promise<Candidate[]> {
  const plan = (await readRestorationDocument(kept.repository, planId, 'plan')) as RestorationPlan;
  const { toCluster, compareOnly } = plan.request;
  if (context.config.clusters[toCluster] === undefined) return [];
  const left: { readonly step: RestoreStep; readonly at: number; readonly target: RestoreTarget }[] = [];
  for (const [at, step] of plan.order.entries()) {
    const target = await targetOf(context.repositories, plan, step);
    await using session = await connectStep(context, toCluster, step);
    if (await session.isUnfinished(target)) left.push({ step, at, target });
  }
  // Begun and released in the same order: if the first is released already, all of them were put in place.
  const forward = compareOnly || (left[0]?.at ?? 0) > 0;
  return (forward ? left : left.toReversed()).map(({ step, target }) => ({
    leftover: { kind: 'restoration', where: `${toCluster}/${step.source}@${step.toInstance}`, name: step.name }, runKey: undefined, runId: workflowIds.restore(planId),
    async remove() {
      await using session = await connectStep(context, toCluster, step);
      await (forward ? session.releaseRestore(target) : session.rollbackRestore(target));
    },
  }));
}

/** Plans with an approval and no report. */
async function unreported({ repository }: OpenRepository): Promise<readonly string[]> {
  const documents = new Map<string, Set<string>>();
  for await (const { key } of repository.session.list('restorations/')) {
    const [, planId, document] = key.split('/');
    if (planId === undefined || document === undefined) continue;
    const names = documents.get(planId) ?? new Set();
    names.add(document);
    documents.set(planId, names);
  }
  return [...documents].filter(([, names]) => names.has('plan.json') && names.has('approval.json') && !names.has('report.json')).map(([planId]) => decodeSegment(planId));
}

async function targetOf(repositories: readonly OpenRepository[], plan: RestorationPlan, step: RestoreStep): Promise<RestoreTarget> {
  const from = repositories.find((each) => each.destination === step.destination);
  if (from === undefined) throw new Failure('E_DESTINATION_UNREACHABLE', `what ${plan.planId} made is named by the set ${step.setId} at ${step.destination}, which does not answer`);
  const manifest = await readManifest(from.repository, step.setId);
  const part = manifest.sources.find((each) => each.source === step.source && each.instance === step.fromInstance);
  if (part === undefined) throw new Failure('E_SET_NOT_FOUND', `the set ${step.setId} has no ${step.source}@${step.fromInstance}`);
  return restoreTarget(step, plan.request, await readDescription(from.repository, manifest, part));
}

async function connectStep({ config, stateFolder }: ReapContext, cluster: string, step: RestoreStep): Promise<SourceSession> {
  const source = sources.find((each) => each.name === step.source);
  if (source === undefined) throw new Failure('E_UNSUPPORTED', `the data source ${step.source} is not built`);
  return await connectInstance(config, stateFolder, { cluster, instance: step.toInstance, source });
}
