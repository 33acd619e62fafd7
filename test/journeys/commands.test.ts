import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection, ScheduleOverlapPolicy, type ScheduleDescription } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { answers } from '../../client/answers/answers.ts';
import { openCommandScene, type CommandScene } from './openCommands.ts';
import { untilShown } from './openJourney.ts';

// Many commands, each with an engine, a worker and servers beside it.
vi.setConfig({ testTimeout: 300_000 });
let scene: CommandScene;
let product: CommandScene['product'];
let folder: CommandScene['folder'];
let state: CommandScene['state'];
let checked: CommandScene['checked'];
let configure: CommandScene['configure'];
let ask: CommandScene['ask'];
let refused: CommandScene['refused'];
let startSlow: CommandScene['startSlow'];

beforeAll(async () => {
  scene = await openCommandScene(['hdfs-a', 'dbservice']);
  ({ product, folder, state, checked, configure, ask, refused, startSlow } = scene);
}, 240_000);
afterAll(async () => { await scene?.close(); });

describe('an answer has the form that is promised', () => {
  it('of config, cluster, destination, support', async () => {
    await ask(['config', 'check']);
    await ask(['config', 'check', '--connect']);
    await ask(['config', 'explain']);
    await ask(['cluster', 'check']);
    await ask(['cluster', 'check', 'prod']);
    await ask(['destination', 'check', 'vault']);
    await ask(['support', 'show']);
    await ask(['reap']);
  });

  it('of task and run, while it goes on and afterwards', async () => {
    const runId = await startSlow();
    let seen = 0;
    // Heartbeats of shards that are not done yet.
    for (let tries = 0; tries < 60 && seen === 0; tries++) {
      const view = await ask<{ progress: { bytes: number; totalBytes: number; ratePerSecond: number | null }; sources: { shardsDone: number; source: string }[] }>(['run', 'show', runId]);
      if (view.progress.bytes < view.progress.totalBytes && view.progress.ratePerSecond !== null) seen = view.progress.bytes;
    }
    expect(seen).toBeGreaterThan(0);
    await ask(['run', 'pause', runId]);
    const paused = await ask(['run', 'show', runId]);
    expect(paused).toMatchObject({ state: 'paused', phase: 'copy', waitingFor: null, failures: [], limits: { parallel: 1 } });
    // What was done is still told while nobody works on it; a shard that was being looked at again when it was stopped tells nothing.
    await untilShown(product, runId, (view) => view.progress.bytes > 0);
    await ask(['task', 'list']);
    await ask(['task', 'show', 'nightly']);
    await ask(['run', 'resume', runId]);
    await ask(['run', 'limit', runId, '--bandwidth', 'none', '--parallel', '4']);
    expect(await ask(['run', 'watch', runId])).toMatchObject({ outcome: 'sealed' });
    expect(await ask(['run', 'show', runId])).toMatchObject({ state: 'completed', phase: 'done' });
    expect(await ask(['task', 'run', 'nightly'])).toMatchObject({ runId: expect.any(String), outcome: 'sealed', setIds: [expect.any(String)] });
    const cancelled = await startSlow();
    expect(await ask(['task', 'stop', 'nightly'])).toMatchObject({ stopped: [cancelled] });
    await untilShown(product, cancelled, (view) => view.state === 'cancelled');
    expect(await ask(['run', 'show', cancelled])).toMatchObject({ failures: [{ code: 'E_CANCELLED' }] });
    expect(await ask(['run', 'cancel', await startSlow(), '--wait'])).toMatchObject({ state: 'cancelled' });
    await ask(['run', 'list']);
    await ask(['task', 'history', 'nightly']);
    await refused(['run', 'show', 'backup/prod/nightly/never'], 2, 'E_RUN_NOT_FOUND');
  });

  it('of set, restoration, mirror', async () => {
    const { sets } = await ask<{ sets: { setId: string }[] }>(['set', 'list', '--destination', 'vault']);
    const setId = sets.at(-1)!.setId;
    await ask(['set', 'list']);
    await ask(['set', 'show', setId, '--destination', 'vault']);
    await ask(['set', 'verify', setId, '--destination', 'vault', '--level', 'content']);
    expect((await ask<{ sets: object[] }>(['set', 'list', '--destination', 'vault'])).sets.at(-1)).toMatchObject({ setId, verified: 'content', state: 'verified' });
    const { runId } = await ask<{ runId: string }>(['set', 'verify', setId, '--destination', 'vault', '--level', 'content', '--detach']);
    expect(await ask(['run', 'watch', runId])).toMatchObject({ setId, ok: true, level: 'content' });
    await refused(['set', 'verify', setId, '--destination', join(folder, 'vault'), '--detach'], 2, 'E_USAGE');
    await mkdir(join(folder, 'copied'), { mode: 0o700 });
    expect(await ask(['set', 'copy', setId, '--to', join(folder, 'copied'), '--dry-run'])).toMatchObject({ from: 'vault', verified: null });
    expect(await ask(['set', 'copy', setId, '--from', 'vault', '--to', join(folder, 'copied')])).toMatchObject({ verified: { level: 'stored', ok: true } });
    await ask(['set', 'extract', setId, 'hdfs', '/data/bulk', '--to', join(folder, 'out'), '--destination', 'vault']);
    const plan = ['restoration', 'plan', setId, '--destination', 'vault', '--to', 'prod', '--source', 'dbservice'];
    const { planId, digest } = await ask<{ planId: string; digest: string }>(plan);
    expect(await ask(['run', 'show', `restore/${planId}`])).toMatchObject({ state: 'waiting', waitingFor: expect.stringContaining('approval') });
    await refused(['restoration', 'run', planId], 5, 'E_APPROVAL');
    await refused(['restoration', 'approve', planId, '--digest', 'f'.repeat(64)], 4, 'E_PLAN_CHANGED');
    await ask(['restoration', 'approve', planId, '--digest', digest]);
    expect(await ask(['restoration', 'run', planId])).toMatchObject({ outcome: 'restored' });
    await ask(['restoration', 'list']);
    const second = await ask<{ planId: string }>(plan);
    await ask(['restoration', 'run', second.planId, '--yes', '--detach']);
    await ask(['run', 'watch', `restore/${second.planId}`]);
    // With itself: only the times of a root, which every snapshot changes, may differ.
    expect(await ask(['mirror', 'compare', '--from', 'prod', '--to', 'prod'], [0, 3])).toMatchObject({ outcome: 'compared', parity: expect.arrayContaining([{ source: 'dbservice', instance: 'DBService', equal: true, differences: 0 }]) });
  });
});

describe('schedules', () => {
  const often: Parameters<CommandScene['configure']>[0] = ({ tasks }) => {
    const { cluster, sources } = tasks['nightly'] as { cluster: string; sources: unknown[] };
    tasks['often'] = { cluster, sources: sources.slice(0, 1), destinations: ['vault'], schedule: { every: '10s' } };
  };
  const described = async (id: string): Promise<ScheduleDescription> => {
    const { address } = JSON.parse(await readFile(join(state, 'engine.json'), 'utf8')) as { address: string };
    const connection = await Connection.connect({ address });
    try {
      return await new Client({ connection }).schedule.getHandle(id).describe();
    } finally {
      await connection.close();
    }
  };
  const runs = async () => (await ask<{ runs: { runId: string; state: string }[] }>(['task', 'history', 'often'])).runs;

  it('start runs by themselves, one at a time, until they are suspended', async () => {
    await configure(often);
    expect(await ask(['task', 'apply', '--dry-run'])).toMatchObject({ created: ['task/prod/often'] });
    expect(await ask(['task', 'apply'])).toMatchObject({ created: ['task/prod/often'], deleted: [] });
    let held: string | undefined;
    for (let tries = 0; tries < 200 && held === undefined; tries++) {
      const running = (await runs()).find((each) => each.state === 'running')?.runId;
      if (running !== undefined && (await product.run('run', 'pause', running)).code === 0) held = running;
      else await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const before = (await described('task/prod/often')).info;
    await expect.poll(async () => (await described('task/prod/often')).info.numActionsSkippedOverlap, { timeout: 40_000, interval: 500 }).toBeGreaterThan(before.numActionsSkippedOverlap);
    expect((await runs()).filter((each) => each.state === 'running')).toHaveLength(1);
    await ask(['task', 'suspend', 'often', '--note', 'for a test']);
    await product.run('run', 'resume', held!);
    await untilShown(product, held!, (view) => view.state === 'completed');
    expect(await ask(['task', 'show', 'often'])).toMatchObject({ scheduleState: { state: 'suspended', note: 'for a test' } });
    const count = (await runs()).length;
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    expect(await runs()).toHaveLength(count);
  });

  it('are made what the configuration says, and stay suspended', async () => {
    expect(await ask(['task', 'apply'])).toMatchObject({ unchanged: ['task/prod/often'], created: [], updated: [], deleted: [] });
    await configure((config) => {
      often(config);
      config.tasks['often']!['schedule'] = { every: '1d', at: '01:30', timeZone: 'Europe/Berlin', jitter: '3m', overlap: 'bufferOne', catchUp: '2h' };
    });
    expect(await ask(['task', 'apply'])).toMatchObject({ updated: ['task/prod/often'] });
    const { spec, policies, state: kept } = await described('task/prod/often');
    expect({ timezone: spec.timezone, jitter: spec.jitter, catchUp: policies.catchupWindow, overlap: policies.overlap, paused: kept.paused })
      .toEqual({ timezone: 'Europe/Berlin', jitter: 180_000, catchUp: 7_200_000, overlap: ScheduleOverlapPolicy.BUFFER_ONE, paused: true });
    expect(spec.calendars).toMatchObject([{ hour: [{ start: 1 }], minute: [{ start: 30 }] }]);
    await ask(['task', 'resume', 'often']);
    await configure(() => undefined);
    expect(await ask(['task', 'apply'])).toMatchObject({ deleted: ['task/prod/often'] });
    await refused(['task', 'suspend', 'nightly'], 2, 'E_USAGE');
  });
});

it('every command that is built was asked', () => {
  // `mirror run` needs a second cluster: restoreAndMirror.test.ts.
  expect(Object.keys(answers).filter((name) => !checked.has(name))).toEqual(['mirror run']);
});
