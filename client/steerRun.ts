import { updates } from '../contracts/names.ts';
import type { RestorationSummary } from '../contracts/restoration.ts';
import type { Limits, RunProgress } from '../contracts/run.ts';
import { Failure } from '../contracts/failure.ts';
import type { Engine } from './engine.ts';
import { failureOfRun } from './runFailure.ts';
import { showRun } from './runView.ts';

/** Stops a run's shards at their last finished object, until `resumeRun`. Survives restarts. */
export async function pauseRun(engine: Engine, runId: string): Promise<RunProgress> {
  return await update<RunProgress>(engine, runId, updates.pause, []);
}

export async function resumeRun(engine: Engine, runId: string): Promise<RunProgress> {
  return await update<RunProgress>(engine, runId, updates.resume, []);
}

export async function limitRun(engine: Engine, runId: string, limits: Partial<Limits>): Promise<RunProgress> {
  return await update<RunProgress>(engine, runId, updates.limit, [limits]);
}

/** Approves exactly the plan of this digest. @throws Failure E_PLAN_CHANGED, E_APPROVAL */
export async function approveRestoration(engine: Engine, runId: string, digest: string): Promise<RestorationSummary> {
  return await update<RestorationSummary>(engine, runId, updates.approve, [digest]);
}

/** Asks a run to end. It cleans up after itself; `watchRun` tells when that is done. */
export async function cancelRun(engine: Engine, runId: string): Promise<void> {
  const { state } = await showRun(engine, runId);
  if (state === 'completed' || state === 'failed' || state === 'cancelled' || state === 'terminated') throw new Failure('E_USAGE', `the run ${runId} has ended already (${state})`, { hint: `mrs-backup run show ${runId}` });
  await engine.call(() => engine.client.workflow.getHandle(runId).cancel());
}

async function update<T>(engine: Engine, runId: string, name: string, args: unknown[]): Promise<T> {
  const before = await showRun(engine, runId);
  if (before.closedAt !== null) throw new Failure('E_USAGE', `the run ${runId} has ended already (${before.state})`, { hint: `mrs-backup run show ${runId}` });
  // Without a worker an update is refused or waits for ever; say which one is missing instead.
  if (before.phase === null && before.waitingFor !== null) throw new Failure('E_ENGINE_UNREACHABLE', `the run ${runId} cannot answer: ${before.waitingFor}`, { hint: 'start a worker: mrs-backup up, or mrs-backup worker' });
  try {
    return await engine.call(() => engine.client.workflow.getHandle(runId).executeUpdate<T, [unknown]>(name, { args: args as [unknown] }), 30_000);
  } catch (error) {
    throw failureOfRun(error, runId);
  }
}
