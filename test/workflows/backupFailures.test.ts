import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure, type Script } from './scriptedActivities.ts';
import { runBackup } from './startedBackup.ts';
import { openWorkflowLab, type WorkflowLab } from './workflowLab.ts';

let lab: WorkflowLab;
beforeAll(async () => { lab = await openWorkflowLab('skipping'); });
afterAll(async () => { await lab?.close(); });

const run = (script: Script, shards?: number) => runBackup(lab, script, shards);

const steps = ['preflightSource', 'preflightDestination', 'takeHandle', 'beginSet', 'findParent', 'planShards', 'copyShard', 'checkShard', 'buildIndex', 'sealSet', 'verifySet', 'dropHandle', 'cleanDestination', 'recordHistory'] as const;

describe('whatever step fails for a while', () => {
  it.each(steps)('%s failing for a while is waited out', async (step) => {
    const { outcome } = await run({ [step]: (call: number) => { if (call <= 3) throw failure('E_SOURCE_UNREACHABLE', 'for a while', true); } });
    expect(outcome?.outcome).toBe('sealed');
  });
});
