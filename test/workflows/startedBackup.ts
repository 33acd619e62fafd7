import { randomUUID } from 'node:crypto';
import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import { controlQueue, workflowIds } from '../../contracts/names.ts';
import type { BackupOutcome } from '../../contracts/run.ts';
import { scriptedActivities, type Script } from './scriptedActivities.ts';
import type { WorkflowLab } from './workflowLab.ts';

/** Starts a backup of the task `nightly`. */
export async function startBackup(lab: WorkflowLab): Promise<WorkflowHandle> {
  return await lab.env.client.workflow.start('backup', { taskQueue: controlQueue, workflowId: workflowIds.backup('prod', 'nightly', randomUUID()), args: [{ cluster: 'prod', task: 'nightly' }] });
}

/** Runs one to its end with activities that follow a script: its outcome, or the error it failed with, and what the activities were called for. */
export async function runBackup(lab: WorkflowLab, script: Script, shards?: number) {
  const scripted = scriptedActivities(script, shards);
  const result = await lab.during(scripted.activities, async () => {
    const handle = await startBackup(lab);
    return await handle.result().then((outcome: unknown) => ({ outcome: outcome as BackupOutcome, error: undefined }), (error: unknown) => ({ outcome: undefined, error: error as WorkflowFailedError }));
  });
  return { ...result, ...scripted };
}
