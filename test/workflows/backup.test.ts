import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlQueue } from '../../contracts/names.ts';
import { failure, scriptedActivities, type Script } from './scriptedActivities.ts';
import { runBackup } from './startedBackup.ts';
import { openWorkflowLab, type WorkflowLab } from './workflowLab.ts';

let lab: WorkflowLab;
beforeAll(async () => { lab = await openWorkflowLab('real'); });
afterAll(async () => { await lab?.close(); });

const run = (script: Script, shards?: number) => runBackup(lab, script, shards);

describe('a backup run', () => {
  it('takes all handles before it copies, seals every destination, keeps only the handle for the next increment', async () => {
    const { outcome, world, calls } = await run({});
    expect(outcome?.outcome).toBe('sealed');
    expect(outcome?.setIds).toEqual([expect.stringMatching(/^20261124T010203Z-[0-9a-f]{8}$/)]);
    expect(calls.lastIndexOf('takeHandle')).toBeLessThan(calls.indexOf('copyShard'));
    expect(calls.lastIndexOf('buildIndex')).toBeLessThan(calls.indexOf('sealSet'));
    expect([...world.sealed].sort()).toEqual(['second', 'vault']);
    expect([...world.handles]).toEqual([expect.stringMatching(/^hdfs@hacluster\/mrs-backup\.nightly\./)]);
    expect(world.staging.size).toBe(0);
    expect(world.copied.size).toBe(2 * 2 * 3);
  });

  it('copies a shard again that read back wrong', async () => {
    const { outcome, calls } = await run({ checkShard: (call) => (call === 1 ? false : undefined) });
    expect(outcome?.outcome).toBe('sealed');
    expect(calls.filter((each) => each === 'copyShard')).toHaveLength(2 * 3 + 1);
  });

  it('looks again only at shards that copying does not vouch for', async () => {
    const copied = { entries: 10, files: 10, bytes: 100, readBytes: 100, storedBytes: 50, gaps: 0 };
    const { outcome, calls } = await run({ copyShard: (call) => ({ ...copied, isChecked: call !== 1 }) });
    expect(outcome?.outcome).toBe('sealed');
    expect(calls.filter((each) => each === 'checkShard')).toHaveLength(1);
  });

  it('takes a lost handle anew, plans again, and says so', async () => {
    const { outcome, world } = await run({ copyShard: (call, copy) => { if (call === 4 && copy.attempt === 1) throw failure('E_HANDLE_LOST', 'the snapshot is gone'); } });
    expect(outcome?.outcome).toBe('sealed');
    expect(outcome?.sources.flatMap((each) => each.warnings).join()).toContain('was lost (the snapshot is gone)');
    expect(Math.max(...world.copied.values())).toBe(2);
  });

  it('waits out a destination that is gone for a while', async () => {
    const { outcome, calls } = await run({ copyShard: (call) => { if (call <= 2) throw failure('E_DESTINATION_UNREACHABLE', 'vault: gone', true, { destination: 'vault' }); } });
    expect(outcome?.outcome).toBe('sealed');
    expect(calls.filter((each) => each === 'copyShard').length).toBeGreaterThanOrEqual(6 + 2);
  });

  it('goes on without a destination that fails for good, and is partial', async () => {
    const { outcome, world } = await run({ copyShard: (_, copy) => { if (copy.destinations.some((each) => each.name === 'second')) throw failure('E_DESTINATION_DENIED', 'second: denied', false, { destination: 'second' }); } });
    expect(outcome?.outcome).toBe('partial');
    expect([...world.sealed]).toEqual(['vault']);
    expect([...world.begun]).toEqual(['vault']);
    expect(outcome?.destinations.find((each) => each.name === 'second')).toMatchObject({ state: 'failed', failure: { code: 'E_DESTINATION_DENIED' } });
  });

  it('goes on without a destination that cannot be used from the start, never begins there, and is partial', async () => {
    const { outcome, world, calls } = await run({ preflightDestination: (_, name) => { if (name === 'second') throw failure('E_DESTINATION_PATH', 'second: is a file', false, { destination: 'second' }); } });
    expect(outcome?.outcome).toBe('partial');
    expect(outcome?.destinations).toMatchObject([{ name: 'vault', state: 'sealed' }, { name: 'second', state: 'failed', failure: { code: 'E_DESTINATION_PATH' } }]);
    expect([...world.begun]).toEqual(['vault']);
    expect(calls.filter((each) => each === 'beginSet')).toHaveLength(1);
  });

  it('goes on without a destination where no set can be begun, cleans up there, and is partial', async () => {
    const { outcome, world, calls } = await run({ beginSet: (_, __, ___, destination) => { if (destination.name === 'second') throw failure('E_DESTINATION_FULL', 'second: full', false, { destination: 'second' }); } });
    expect(outcome?.outcome).toBe('partial');
    expect(outcome?.destinations).toMatchObject([{ name: 'vault', state: 'sealed' }, { name: 'second', state: 'failed', failure: { code: 'E_DESTINATION_FULL' } }]);
    expect([...world.sealed]).toEqual(['vault']);
    expect(world.staging.size).toBe(0);
    expect(calls.filter((each) => each === 'cleanDestination')).toHaveLength(2);
  });

  it('copies everything where a destination cannot be asked for the parent, and says why', async () => {
    const { outcome } = await run({ findParent: () => { throw failure('E_DESTINATION_UNREACHABLE', 'second: gone', false, { destination: 'second', givenUp: true }); } });
    expect(outcome?.outcome).toBe('sealed');
  });

  it('refuses when no destination can be used', async () => {
    const { error, calls } = await run({ preflightDestination: () => { throw failure('E_DESTINATION_PATH', 'not there', false, {}); } });
    expect(String((error?.cause as Error).cause ?? error?.cause)).toContain('not there');
    expect(calls).not.toContain('takeHandle');
  });

  it('does not wait to clean up where it was given up', async () => {
    const { outcome, calls } = await run({
      copyShard: (_, copy) => { if (copy.destinations.some((each) => each.name === 'second')) throw failure('E_DESTINATION_UNREACHABLE', 'second: gone', false, { destination: 'second', givenUp: true }); },
      cleanDestination: (_, __, name) => { if (name === 'second') throw failure('E_DESTINATION_UNREACHABLE', 'second: gone', true, { destination: 'second' }); },
    });
    expect(outcome?.outcome).toBe('partial');
    expect(calls.filter((each) => each === 'cleanDestination')).toHaveLength(2);
  });

  it('seals the other sources when one fails for good', async () => {
    const { outcome, world } = await run({ planShards: (_, copy) => { if (copy.ref.source === 'dbservice') throw failure('E_SOURCE_DENIED', 'no right to dump'); } });
    expect(outcome?.outcome).toBe('partial');
    expect(outcome?.sources.map((each) => each.source)).toEqual(['hdfs']);
    expect(outcome?.failures).toMatchObject([{ code: 'E_SOURCE_DENIED', about: 'dbservice@DBService' }]);
    expect(world.sealed.size).toBe(2);
  });

  it('refuses before it touches anything when a check fails', async () => {
    const { error, calls, world } = await run({ preflightSource: () => { throw failure('E_PREFLIGHT', 'safe mode'); } });
    expect(String((error?.cause as Error).cause ?? error?.cause)).toContain('safe mode');
    expect(calls).not.toContain('takeHandle');
    expect(world.begun.size).toBe(0);
  });

  it('carries a long copy from one history to the next', async () => {
    const scripted = scriptedActivities({}, 20);
    await lab.during(scripted.activities, async () => {
      const workflowId = `copy-${randomUUID()}`;
      const copy = { run: { runId: 'r', runKey: 'k' }, task: 'nightly', ref: { cluster: 'prod', source: 'hdfs', instance: workflowId, selection: {} }, handle: { name: 'h', takenAt: '2026-11-24T01:02:03.000Z', data: {} }, attempt: 1, destinations: [{ name: 'vault', repositoryId: 'r', setId: 's' }], parent: null };
      const handle = await lab.env.client.workflow.start('copySource', { taskQueue: controlQueue, workflowId, args: [{ copy, steering: { paused: false, limits: { bandwidth: null, parallel: 3 } }, shardsPerRun: 6 }] });
      expect(await handle.result()).toMatchObject({ done: { files: 200, entries: 200 }, plan: { shards: 20 } });
      expect((await handle.describe()).historyLength).toBeLessThan(60);
    });
    expect(scripted.world.copied.size).toBe(20);
    expect(scripted.calls.filter((each) => each === 'copyShard')).toHaveLength(20);
  });
});
