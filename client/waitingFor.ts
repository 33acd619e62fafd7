import { ApplicationFailure, defaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';
import { clusterQueue } from '../contracts/names.ts';
import type { RunProgress } from '../contracts/run.ts';
import type { Engine } from './engine.ts';

const workflowQueue = 1;
const activityQueue = 2;

/**
 * What a run waits for that it does not know itself: a worker that is missing, or something that keeps failing.
 * @returns undefined when it simply works
 */
export async function waitingFor(engine: Engine, runId: string, queue: string, progress: RunProgress | undefined): Promise<string | undefined> {
  if (progress === undefined && !(await isPolled(engine, queue, workflowQueue))) return `no worker is polling ${queue}`;
  const cluster = progress === undefined ? undefined : clusterQueue(progress.cluster);
  if (cluster !== undefined && !(await isPolled(engine, cluster, activityQueue))) return `no worker is polling ${cluster}`;
  for (const id of [runId, ...(progress?.children.map((child) => child.workflowId) ?? [])]) {
    const failing = await failingActivity(engine, id);
    if (failing !== undefined) return failing;
  }
  return undefined;
}

/** Whether a worker asked for work in the last minutes. */
async function isPolled(engine: Engine, name: string, taskQueueType: number): Promise<boolean> {
  const { workflowService, options } = engine.client;
  const answer = await engine.call(() => workflowService.describeTaskQueue({ namespace: options.namespace, taskQueue: { name }, taskQueueType }));
  return (answer.pollers ?? []).some((poller) => Date.now() - Number(poller.lastAccessTime?.seconds ?? 0) * 1000 < 120_000);
}

async function failingActivity(engine: Engine, workflowId: string): Promise<string | undefined> {
  try {
    const { raw } = await engine.call(() => engine.client.workflow.getHandle(workflowId).describe());
    const failing = (raw.pendingActivities ?? []).find((activity) => activity.lastFailure !== null && activity.lastFailure !== undefined);
    if (failing === undefined) return undefined;
    return `${reasonOf(failing.lastFailure!)} (${failing.activityType?.name ?? 'an activity'}, attempt ${failing.attempt ?? '?'})`;
  } catch {
    // A child that has ended has nothing to wait for.
    return undefined;
  }
}

/** Code, message and next step of what an activity failed with last. */
function reasonOf(raw: Parameters<typeof defaultFailureConverter.failureToError>[0]): string {
  const failure = defaultFailureConverter.failureToError(raw, defaultPayloadConverter);
  if (!(failure instanceof ApplicationFailure)) return failure.message;
  const { hint } = (failure.details?.[0] ?? {}) as { hint?: string };
  return `${failure.type ?? 'failure'}: ${failure.message}${hint === undefined ? '' : `; ${hint}`}`;
}
