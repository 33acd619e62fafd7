import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { Failure } from '../contracts/failure.ts';
import { controlQueue, workflowIds, workflowNames } from '../contracts/names.ts';
import type { MirrorRequest, RestoreRequest } from '../contracts/restoration.ts';
import type { BackupRequest } from '../contracts/run.ts';
import type { VerifyRequest } from '../contracts/verification.ts';
import type { Config, TaskConfig } from '../config/config.ts';
import type { Engine } from './engine.ts';

/** UTC time as it is in run ids: 20261124T185632Z. */
export function stampOf(time: Date): string {
  return time.toISOString().replace(/[-:]|\.\d+/g, '');
}

/** @throws Failure E_CONFIG */
export function taskOf(config: Config, name: string): TaskConfig {
  const task = config.tasks[name];
  if (task === undefined) throw new Failure('E_CONFIG', `the configuration has no task ${name}`, { hint: `tasks: ${Object.keys(config.tasks).join(', ') || 'none'}` });
  return task;
}

/** Ids of runs name the second they were started in; further ones of the same second get a number. */
const sameSecond = 20;

/** Starts a run of a task now. Returns its run id. */
export async function startBackup(engine: Engine, request: BackupRequest): Promise<string> {
  const workflowId = workflowIds.backup(request.cluster, request.task, stampOf(new Date()));
  return await start(engine, workflowNames.backup, workflowId, request, `${request.full === true ? 'full run' : 'run'} of ${request.task}, started by hand`, sameSecond);
}

/** Starts a restoration; it makes its plan and waits for approval unless it is approved already. */
export async function startRestore(engine: Engine, request: RestoreRequest): Promise<string> {
  return await start(engine, workflowNames.restore, workflowIds.restore(request.planId), request, `restoration into ${request.toCluster}`);
}

export async function startMirror(engine: Engine, request: MirrorRequest): Promise<string> {
  const workflowId = workflowIds.mirror(request.from, request.to, stampOf(new Date()));
  return await start(engine, workflowNames.mirror, workflowId, request, `${request.compareOnly ? 'comparison of' : 'mirror'} ${request.from} → ${request.to}`, sameSecond);
}

export async function startVerify(engine: Engine, request: VerifyRequest): Promise<string> {
  const workflowId = workflowIds.verify(request.destination, request.setId, stampOf(new Date()));
  return await start(engine, workflowNames.verify, workflowId, request, `verification (${request.level})`, sameSecond);
}

async function start(engine: Engine, type: string, workflowId: string, request: object, staticSummary: string, more = 0, number = 1): Promise<string> {
  try {
    await engine.call(() => engine.client.workflow.start(type, { workflowId, taskQueue: controlQueue, args: [request], staticSummary, workflowIdReusePolicy: 'REJECT_DUPLICATE' }));
    return workflowId;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError && number <= more) return await start(engine, type, `${workflowId.replace(/Z-\d+$/, 'Z')}-${number + 1}`, request, staticSummary, more, number + 1);
    if (error instanceof WorkflowExecutionAlreadyStartedError) throw new Failure('E_BUSY', `the run ${workflowId} exists already`, { hint: `mrs-backup run watch ${workflowId}`, cause: error });
    throw error;
  }
}
