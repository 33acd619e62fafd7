import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { queries, workflowIds } from '../contracts/names.ts';
import type { RestorationSummary, RestoreRequest } from '../contracts/restoration.ts';
import type { Engine } from './engine.ts';
import { Failure } from '../contracts/failure.ts';
import { failureOfRun } from './runFailure.ts';
import { showRun } from './runView.ts';
import { stampOf, startRestore } from './startRun.ts';

/** Starts a restoration that makes its plan and then waits. Returns the plan's summary; the texts are in the document at the destination. */
export async function planRestoration(engine: Engine, request: Omit<RestoreRequest, 'planId' | 'approved'>, signal: AbortSignal): Promise<RestorationSummary> {
  const planId = `plan-${stampOf(new Date()).toLowerCase()}-${randomBytes(2).toString('hex')}`;
  const runId = await startRestore(engine, { ...request, planId, approved: false });
  for (;;) {
    const summary = await planOf(engine, planId);
    if (summary !== null) return summary;
    if (signal.aborted) {
      await engine.call(() => engine.client.workflow.getHandle(runId).cancel());
      signal.throwIfAborted();
    }
    const view = await showRun(engine, runId);
    if (view.closedAt !== null) {
      await engine.call(() => engine.client.workflow.getHandle(runId).result()).catch((error: unknown) => { throw failureOfRun(error, runId); });
    }
    if (view.waitingFor?.startsWith('no worker') === true) {
      await engine.call(() => engine.client.workflow.getHandle(runId).cancel());
      throw new Failure('E_ENGINE_UNREACHABLE', `no plan can be made: ${view.waitingFor}`, { hint: 'start a worker: mrs-backup up, or mrs-backup worker' });
    }
    await sleep(300, undefined, { signal }).catch(() => undefined);
  }
}

/** The plan of a restoration that waits or runs; null while it is being made or when it does not answer. */
export async function planOf(engine: Engine, planId: string): Promise<RestorationSummary | null> {
  try {
    return await engine.call(() => engine.client.workflow.getHandle(workflowIds.restore(planId)).query<RestorationSummary | null>(queries.plan), 5_000);
  } catch (error) {
    if (error instanceof Failure && error.code === 'E_RUN_NOT_FOUND') throw new Failure('E_RUN_NOT_FOUND', `there is no restoration plan ${planId}`, { hint: 'mrs-backup restoration list shows them', cause: error });
    return null;
  }
}
