import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeBulk } from '../../lab/damage.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { openJourney, snapshotsOf, untilShown, type Journey, type RestoreAnswer, type RunAnswer } from './openJourney.ts';

const slots = 6;
const packBytes = 32 << 20;
let journey: Journey;

beforeAll(async () => {
  journey = await openJourney(['hdfs-a', 'dbservice']);
  await makeSampleData(journey.lab, { files: 200, largeBytes: 8 << 20 });
  await writeBulk(journey.lab, 'hdfs-a', '/data/bulk', 8, 48 << 20);
}, 180_000);
afterAll(async () => { await journey?.close(); });

/** Starts a full run and waits until it copies. */
async function startFull(): Promise<string> {
  const { runId } = await journey.product.json<{ runId: string }>(['task', 'run', 'nightly', '--full', '--detach']);
  await untilShown(journey.product, runId, (view) => view.phase === 'copy' && view.progress.totalBytes > 300 << 20);
  await new Promise((resolve) => setTimeout(resolve, 700));
  return runId;
}

async function outcomeOf(runId: string): Promise<RunAnswer> {
  return await journey.product.json<RunAnswer>(['run', 'watch', runId]);
}

async function expectWhole(outcome: RunAnswer): Promise<void> {
  const hdfs = outcome.sources.find((each) => each.source === 'hdfs')!;
  expect(outcome.outcome).toBe('sealed');
  // What was read twice is at most the pack that each slot had in the making.
  expect(hdfs.readBytes - hdfs.bytes).toBeLessThanOrEqual(slots * 2 * packBytes);
  expect(await journey.product.json(['set', 'verify', outcome.setIds[0]!, '--destination', 'vault', '--level', 'content'])).toMatchObject({ ok: true, damage: [] });
  expect(await journey.leftovers()).toEqual([]);
  await using hdfsClient = journey.hdfs('hdfs-a');
  expect(await snapshotsOf(hdfsClient, '/data')).toHaveLength(1);
}

describe('in the middle of a backup, kill -9', () => {
  it('of the worker costs at most a pack per slot', async () => {
    const runId = await startFull();
    await journey.product.kill('worker');
    await expectWhole(await outcomeOf(runId));
  });

  it('of the engine costs nothing', async () => {
    const runId = await startFull();
    await journey.product.kill('engine');
    await untilShown(journey.product, runId, (view) => view.state !== 'running', 120);
    await expectWhole(await outcomeOf(runId));
  });

  it('of both, and of what started them, is survived', async () => {
    const runId = await startFull();
    await Promise.all([journey.product.kill('worker'), journey.product.kill('engine')]);
    await journey.product.down();
    await journey.product.up();
    await untilShown(journey.product, runId, (view) => view.state !== 'running', 120);
    await expectWhole(await outcomeOf(runId));
  });

  it('of the NameNode and its DataNode makes the run wait, visibly, and then end right', async () => {
    const runId = await startFull();
    await journey.lab.kill('hdfs-a');
    await untilShown(journey.product, runId, (view) => view.waitingFor !== null && view.waitingFor.length > 0);
    await journey.lab.up(['hdfs-a']);
    await untilShown(journey.product, runId, (view) => view.state !== 'running', 120);
    await expectWhole(await outcomeOf(runId));
  }, 240_000);

  it('of PostgreSQL ends right too', async () => {
    const { runId } = await journey.product.json<{ runId: string }>(['task', 'run', 'nightly', '--detach']);
    await journey.lab.kill('dbservice');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await journey.lab.up(['dbservice']);
    await untilShown(journey.product, runId, (view) => view.state !== 'running', 120);
    const outcome = await outcomeOf(runId);
    expect(outcome.outcome).toBe('sealed');
    expect(await journey.leftovers()).toEqual([]);
  }, 240_000);
});

describe('in the middle of a restoration, kill -9', () => {
  it('of worker and engine is survived, and what was restored is equal', async () => {
    const { sets } = await journey.product.json<{ sets: { setId: string }[] }>(['set', 'list', '--destination', 'vault']);
    const { planId } = await journey.product.json<{ planId: string }>(['restoration', 'plan', sets.at(-1)!.setId, '--to', 'prod', '--destination', 'vault']);
    const { answer } = journey.product.start(['restoration', 'run', planId, '--yes', '--output', 'json', '--quiet']);
    await new Promise((resolve) => setTimeout(resolve, 3500));
    await Promise.all([journey.product.kill('worker'), journey.product.kill('engine')]);
    await answer;
    await untilShown(journey.product, `restore/${planId}`, (view) => view.state !== 'running', 180);
    const outcome = await journey.product.json<RestoreAnswer>(['run', 'watch', `restore/${planId}`]);
    expect(outcome.outcome).toBe('restored');
    for (const each of outcome.sources) expect(each).toMatchObject({ differences: 0, missing: 0 });
    expect((await journey.leftovers()).filter((each) => each.startsWith('vault'))).toEqual([]);
  }, 300_000);
});
