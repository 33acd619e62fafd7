import { executeChild, workflowInfo } from '@temporalio/workflow';
import { workflowIds } from '../contracts/names.ts';
import type { MirrorRequest, RestoreOutcome } from '../contracts/restoration.ts';
import { onControl } from './onQueue.ts';
import { restore } from './restore.ts';
import { runKey } from './runKey.ts';
import { createStory } from './story.ts';

/** A whole cluster into a mirrored one: the newest sets of all its source instances, restored in dependency order, compared at the end. */
export async function mirror(request: MirrorRequest): Promise<RestoreOutcome> {
  const runId = workflowInfo().workflowId;
  const story = createStory({ runId, kind: 'mirror', cluster: request.to });
  const { sets, mapping } = await onControl().resolveMirror(request);
  const planId = `mirror-${runKey()}`;
  story.setIds = [...new Set(sets.map((each) => each.setId))];
  story.phase = request.compareOnly ? 'compare' : 'restore';
  const workflowId = workflowIds.restore(planId);
  story.children.add({ workflowId, source: '*', instance: '*' });
  const outcome = await executeChild(restore, {
    workflowId,
    args: [{ planId, toCluster: request.to, sets, mode: 'mirror', existing: request.existing, mapping, only: [], limits: request.limits, approved: true, compareOnly: request.compareOnly }],
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    staticSummary: `${request.from} → ${request.to} at ${request.at}`,
  });
  story.phase = 'done';
  return { ...outcome, runId };
}
