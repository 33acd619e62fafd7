import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlQueue, queries, updates, workflowIds } from '../../contracts/names.ts';
import type { RestorationSummary, RestoreOutcome, RestoreRequest } from '../../contracts/restoration.ts';
import { failure, scriptedActivities } from './scriptedActivities.ts';
import { openWorkflowLab, type WorkflowLab } from './workflowLab.ts';

let lab: WorkflowLab;
beforeAll(async () => { lab = await openWorkflowLab('skipping'); });
afterAll(async () => { await lab?.close(); });

function request(more: Partial<RestoreRequest> = {}): RestoreRequest {
  return {
    planId: `plan-${randomUUID().slice(0, 8)}`, toCluster: 'prod', sets: [{ destination: 'vault', setId: 'set-1', sources: [] }], mode: 'beside', existing: 'fail',
    mapping: { instances: {}, paths: [], databases: {}, owners: {} }, only: [], limits: { bandwidth: null, parallel: 2 }, approved: true, compareOnly: false, ...more,
  };
}

const start = (wanted: RestoreRequest) => lab.env.client.workflow.start('restore', { taskQueue: controlQueue, workflowId: workflowIds.restore(wanted.planId), args: [wanted] });

describe('a restoration', () => {
  it('restores in dependency order, directories around files, compares, commits last', async () => {
    const scripted = scriptedActivities({});
    const outcome = await lab.during(scripted.activities, async () => (await (await start(request())).result()) as RestoreOutcome);
    expect(outcome).toMatchObject({ outcome: 'restored', sources: [{ source: 'dbservice', differences: 0 }, { source: 'hdfs', differences: 0 }] });
    const order = [...scripted.world.restored];
    expect(order.findIndex((each) => each.startsWith('hdfs/'))).toBeGreaterThan(order.findLastIndex((each) => each.startsWith('dbservice/')));
    // Files go side by side.
    const inOrder = order.filter((each) => each.startsWith('hdfs/')).map((each) => each.slice('hdfs/'.length).replace(/files\/.*/, 'files'));
    expect(inOrder).toEqual(['directories/0', 'directories/1', 'files', 'files', 'files', 'settle/1', 'settle/0']);
    expect(scripted.calls.indexOf('commitRestore')).toBeGreaterThan(scripted.calls.lastIndexOf('compareShard'));
  });

  it('waits for the approval of exactly its plan', async () => {
    const scripted = scriptedActivities({});
    await lab.during(scripted.activities, async () => {
      const handle = await start(request({ approved: false }));
      await until(async () => ((await handle.query(queries.plan)) as RestorationSummary | null) !== null);
      await expect(handle.executeUpdate(updates.approve, { args: ['another digest'] })).rejects.toThrow();
      expect(scripted.calls).not.toContain('beginRestore');
      const approved = (await handle.executeUpdate(updates.approve, { args: ['digest-of-the-plan'] })) as RestorationSummary;
      expect(approved.approved).toBe(true);
      expect(((await handle.result()) as RestoreOutcome).outcome).toBe('restored');
    });
  });

  it('gives up a plan that nobody approves within a week', async () => {
    const scripted = scriptedActivities({});
    await lab.during(scripted.activities, async () => {
      const handle = await start(request({ approved: false }));
      await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'E_APPROVAL' } });
    });
    expect(scripted.calls).not.toContain('beginRestore');
  });

  it('does not run a plan that is refused', async () => {
    const scripted = scriptedActivities({ planRestoration: async (_, wanted) => ({ planId: wanted.planId, digest: 'd', destination: 'vault', order: [], conflicts: 1, losses: 0, spaceNeeded: 0, approved: true, refused: { code: 'E_TARGET_EXISTS', reason: 'it is there' } }) });
    await lab.during(scripted.activities, async () => {
      await expect((await start(request())).result()).rejects.toMatchObject({ cause: { type: 'E_TARGET_EXISTS' } });
    });
    expect(scripted.calls).not.toContain('beginRestore');
  });

  it.each(['beginRestore', 'planRestoreShards', 'restoreShard', 'finishRestore', 'compareShard', 'commitRestore'] as const)('goes the whole way back when %s fails', async (step) => {
    const scripted = scriptedActivities({ [step]: (_: number, task: { step: { source: string } }) => { if (task.step.source === 'hdfs') throw failure('E_SOURCE_DENIED', 'no'); } });
    await lab.during(scripted.activities, async () => {
      await expect((await start(request({ mode: 'inPlace' }))).result()).rejects.toMatchObject({ cause: { type: 'E_SOURCE_DENIED' } });
    });
    expect(scripted.calls.filter((each) => each === 'rollbackRestore')).toHaveLength(2);
    expect(scripted.world.committed.size).toBe(0);
  });

  it('puts nothing in place that differs', async () => {
    const scripted = scriptedActivities({ compareShard: () => ({ compared: 1, bytes: 1, differences: 1, differing: ['/data/a: content differs'] }) });
    await lab.during(scripted.activities, async () => {
      await expect((await start(request({ mode: 'inPlace' }))).result()).rejects.toMatchObject({ cause: { type: 'E_DIFFERENCES' } });
    });
    expect(scripted.calls).not.toContain('commitRestore');
  });

  it('reports what is missing and what differs, beside', async () => {
    const scripted = scriptedActivities({ restoreShard: (call) => (call === 3 ? { entries: 0, bytes: 0, missing: 1, missingNames: ['/data/bad: damaged'] } : undefined) });
    const outcome = await lab.during(scripted.activities, async () => (await (await start(request())).result()) as RestoreOutcome);
    expect(outcome.outcome).toBe('differences');
    expect(outcome.sources[0]).toMatchObject({ missing: 1, missingNames: ['/data/bad: damaged'] });
  });

  it('waits for another restoration into the same instance', async () => {
    const scripted = scriptedActivities({ planRestoreShards: async (call) => { if (call === 1) throw failure('E_SOURCE_UNREACHABLE', 'for a while', true); } });
    await lab.during(scripted.activities, async () => {
      const first = await start(request());
      const second = await start(request());
      expect(((await first.result()) as RestoreOutcome).outcome).toBe('restored');
      expect(((await second.result()) as RestoreOutcome).outcome).toBe('restored');
    });
  });
});

describe('a mirror', () => {
  it('restores the newest sets of a cluster into another and reports parity', async () => {
    const scripted = scriptedActivities({});
    const outcome = await lab.during(scripted.activities, async () => (await lab.env.client.workflow.execute('mirror', {
      taskQueue: controlQueue, workflowId: `mirror/${randomUUID()}`,
      args: [{ from: 'prod', to: 'standby', at: 'latest', mapping: { instances: {}, paths: [], databases: {}, owners: {} }, existing: 'fail', limits: { bandwidth: null, parallel: 2 }, compareOnly: false }],
    })) as RestoreOutcome);
    expect(outcome).toMatchObject({ outcome: 'restored', sources: [{ compared: 5 }, { compared: 5 }] });
  });

  it('only compares when asked to', async () => {
    const scripted = scriptedActivities({});
    await lab.during(scripted.activities, async () => {
      await lab.env.client.workflow.execute('mirror', { taskQueue: controlQueue, workflowId: `mirror/${randomUUID()}`, args: [{ from: 'prod', to: 'standby', at: 'latest', mapping: { instances: {}, paths: [], databases: {}, owners: {} }, existing: 'fail', limits: { bandwidth: null, parallel: 2 }, compareOnly: true }] });
    });
    for (const writing of ['beginRestore', 'restoreShard', 'finishRestore', 'commitRestore', 'rollbackRestore']) expect(scripted.calls).not.toContain(writing);
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('did not happen within 15 s');
}
