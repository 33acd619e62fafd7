import { workflowInfo } from '@temporalio/workflow';
import type { VerifyOutcome, VerifyRequest } from '../contracts/verification.ts';
import { onCluster } from './onQueue.ts';
import { createStory } from './story.ts';

/** Verifies a set durably, and leaves a proof beside it. */
export async function verify(request: VerifyRequest): Promise<VerifyOutcome> {
  const story = createStory({ runId: workflowInfo().workflowId, kind: 'verify', cluster: request.cluster });
  story.setIds = [request.setId];
  story.phase = 'verify';
  const result = await onCluster(request.cluster, 'patient', 'verify').verifySet(request.destination, request.setId, request.level);
  story.phase = 'done';
  return { runId: workflowInfo().workflowId, setId: request.setId, level: request.level, ...result };
}
