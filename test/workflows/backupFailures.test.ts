import { randomUUID } from 'node:crypto';
import type { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlQueue, workflowIds } from '../../contracts/names.ts';
import type { BackupOutcome } from '../../contracts/run.ts';
import { failure, scriptedActivities, type Script } from './scriptedActivities.ts';
import { openWorkflowLab, type WorkflowLab } from './workflowLab.ts';

let lab: WorkflowLab;
beforeAll(async () => { lab = await openWorkflowLab('skipping'); });
afterAll(async () => { await lab?.close(); });

const start = () => lab.env.client.workflow.start('backup', { taskQueue: controlQueue, workflowId: workflowIds.backup('prod', 'nightly', randomUUID()), args: [{ cluster: 'prod', task: 'nightly' }] });

async function run(script: Script, shards?: number) {
  const scripted = scriptedActivities(script, shards);
  const result = await lab.during(scripted.activities, async () => {
    const handle = await start();
    return await handle.result().then((outcome: unknown) => ({ outcome: outcome as BackupOutcome, error: undefined }), (error: unknown) => ({ outcome: undefined, error: error as WorkflowFailedError }));
  });
  return { ...result, ...scripted };
}

const steps = ['preflightSource', 'preflightDestination', 'takeHandle', 'beginSet', 'findParent', 'planShards', 'copyShard', 'checkShard', 'buildIndex', 'sealSet', 'verifySet', 'dropHandle', 'cleanDestination', 'recordHistory'] as const;

describe('whatever step fails for a while', () => {
  it.each(steps)('%s failing for a while is waited out', async (step) => {
    const { outcome } = await run({ [step]: (call: number) => { if (call <= 3) throw failure('E_SOURCE_UNREACHABLE', 'for a while', true); } });
    expect(outcome?.outcome).toBe('sealed');
  });
});
