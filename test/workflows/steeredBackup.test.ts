import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queries, updates } from '../../contracts/names.ts';
import type { BackupOutcome, RunProgress } from '../../contracts/run.ts';
import { failure, scriptedActivities, untilCancelled } from './scriptedActivities.ts';
import { startBackup } from './startedBackup.ts';
import { openWorkflowLab, type WorkflowLab } from './workflowLab.ts';

let lab: WorkflowLab;
beforeAll(async () => { lab = await openWorkflowLab('real'); });
afterAll(async () => { await lab?.close(); });

const start = () => startBackup(lab);

/** What the Temporal UI shows of a workflow. */
async function detailsOf(workflowId: string): Promise<string> {
  return (await lab.env.client.workflow.getHandle(workflowId).query<{ currentDetails: string }>('__temporal_workflow_metadata')).currentDetails;
}

describe('an operator of a backup', () => {
  it('cancels: handles are given back, nothing is sealed, staging is gone', async () => {
    const scripted = scriptedActivities({ copyShard: () => untilCancelled() });
    await lab.during(scripted.activities, async () => {
      const handle = await start();
      await until(async () => scripted.calls.includes('copyShard'));
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    });
    expect([...scripted.world.handles]).toEqual([]);
    expect(scripted.world.sealed.size + scripted.world.staging.size + scripted.world.begun.size).toBe(0);
  });

  it('pauses and resumes: running shards stop and are done again', async () => {
    let paused = false;
    const scripted = scriptedActivities({ copyShard: () => (paused ? undefined : untilCancelled()) });
    await lab.during(scripted.activities, async () => {
      const handle = await start();
      await until(async () => scripted.calls.filter((each) => each === 'copyShard').length >= 4);
      const progress = (await handle.executeUpdate(updates.pause)) as RunProgress;
      expect(progress.steering.paused).toBe(true);
      paused = true;
      expect(((await handle.query(queries.progress)) as RunProgress).phase).toBe('copy');
      const [child] = progress.children;
      expect(await detailsOf(handle.workflowId)).toMatch(new RegExp(`^\\*\\*copy\\*\\*, paused \\S+\\n\\n- ${child!.source}@${child!.instance}: ${child!.workflowId}\\n`));
      expect(await detailsOf(child!.workflowId)).toMatch(/^\*\*copy\*\* 0 of [1-9]\d* shards, 0 of [1-9]\d* files, 0 of [1-9]\d* bytes$/);
      await handle.executeUpdate(updates.resume);
      expect(((await handle.result()) as BackupOutcome).outcome).toBe('sealed');
      expect(await detailsOf(handle.workflowId)).toMatch(/^\*\*sealed\*\* /);
    });
  });

  it('goes on under new limits although its shards failed for a while instead of stopping', async () => {
    let changed = false;
    const scripted = scriptedActivities({ copyShard: () => (changed ? undefined : untilCancelled().catch(() => { throw failure('E_DESTINATION_UNREACHABLE', 'away', true); })) });
    await lab.during(scripted.activities, async () => {
      const handle = await start();
      await until(async () => scripted.calls.filter((each) => each === 'copyShard').length >= 4);
      await handle.executeUpdate(updates.limit, { args: [{ parallel: 1 }] });
      changed = true;
      expect(((await handle.result()) as BackupOutcome).outcome).toBe('sealed');
    });
  });

  it.each(['preflightDestination', 'takeHandle', 'beginSet', 'findParent', 'planShards', 'copyShard', 'checkShard', 'buildIndex', 'sealSet', 'verifySet'] as const)('is cancelled, and not failed, where %s failed for a while instead of stopping', async (step) => {
    const scripted = scriptedActivities({ [step]: () => untilCancelled().catch(() => { throw failure('E_DESTINATION_UNREACHABLE', 'away', true); }) });
    await lab.during(scripted.activities, async () => {
      const handle = await start();
      await until(async () => scripted.calls.includes(step));
      await handle.cancel();
      await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    });
    // A set that is sealed keeps what the next increment starts from.
    expect(scripted.world.handles.size).toBe(step === 'verifySet' ? 1 : 0);
  });

  it('cancels while one destination is waited for: the set that is sealed at the other stays, with what the next increment starts from', async () => {
    const scripted = scriptedActivities({ sealSet: (_, ...[, , destination]) => (destination.name === 'vault' ? undefined : untilCancelled()) });
    await lab.during(scripted.activities, async () => {
      const handle = await start();
      await until(async () => scripted.world.sealed.has('vault') && scripted.calls.filter((each) => each === 'sealSet').length === 2);
      await handle.cancel();
      await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    });
    expect([...scripted.world.begun]).toEqual(['vault']);
    expect(scripted.world.staging.size).toBe(0);
    expect(scripted.world.handles.size).toBe(1);
  });

  it('is refused senseless limits', async () => {
    const scripted = scriptedActivities({ copyShard: () => untilCancelled() });
    await lab.during(scripted.activities, async () => {
      const handle = await start();
      await expect(handle.executeUpdate(updates.limit, { args: [{ parallel: 0 }] })).rejects.toThrow();
      await handle.cancel();
      await handle.result().catch(() => undefined);
    });
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('did not happen within 15 s');
}
