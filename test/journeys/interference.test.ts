import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeBulk } from '../../lab/damage.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { openJourney, snapshotsOf, untilShown, type Journey, type RunAnswer } from './openJourney.ts';
import { startSlow } from './startSlow.ts';

const run = promisify(execFile);
const tools = process.env['MRS_BACKUP_TOOLS'] ?? join(import.meta.dirname, '../../.tools');
let journey: Journey;
/** The sets of the runs so far. */
const sealed: string[] = [];

beforeAll(async () => {
  journey = await openJourney(['hdfs-a', 'dbservice']);
  await makeSampleData(journey.lab, { files: 60, largeBytes: 4 << 20, rows: 300 });
  await writeBulk(journey.lab, 'hdfs-a', '/data/bulk', 4, 40 << 20);
}, 180_000);
afterAll(async () => { await journey?.close(); });

/** Starts a full run and meets it in the middle. */
async function startHalf(): Promise<string> {
  const runId = await startSlow(journey.product, '12MB/s');
  await untilShown(journey.product, runId, (view) => view.progress.bytes > 40 << 20);
  return runId;
}

/** Lifts the limits; a run that cannot answer at the moment says so. */
async function hurry(runId: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; ) {
    const answer = await journey.product.run('run', 'limit', runId, '--bandwidth', 'none', '--parallel', '4', '--output', 'json', '--quiet');
    if (answer.code === 0) return;
    expect(answer.json<{ error: object }>().error).toMatchObject({ code: 'E_ENGINE_UNREACHABLE' });
    if (Date.now() > deadline) throw new Error(answer.stdout);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function expectWhole(runId: string): Promise<void> {
  await untilShown(journey.product, runId, (view) => view.state !== 'running' && view.state !== 'waiting', 90);
  const outcome = await journey.product.json<RunAnswer>(['run', 'watch', runId]);
  expect(outcome.outcome).toBe('sealed');
  expect(await journey.product.json(['set', 'verify', outcome.setIds[0]!, '--destination', 'vault', '--level', 'content'])).toMatchObject({ ok: true, damage: [] });
  sealed.push(...outcome.setIds);
  expect((await journey.product.json<{ sets: { setId: string }[] }>(['set', 'list', '--destination', 'vault'])).sets.map((each) => each.setId)).toEqual(sealed);
  // A sleeper that wakes may still make the folder of an object that it is not let write any more; objects it leaves none.
  const objects = (await journey.leftovers()).filter((each) => !(each.startsWith('vault: ') && statSync(join(journey.vault, each.slice('vault: '.length))).isDirectory()));
  expect(objects).toEqual([]);
  await using hdfs = journey.hdfs('hdfs-a');
  expect(await snapshotsOf(hdfs, '/data')).toHaveLength(1);
}

describe('a worker that sleeps while another does its work', () => {
  it('damages nothing when it wakes', async () => {
    const runId = await startHalf();
    const sleeper = await journey.product.kill('worker', 'SIGSTOP');
    const other = journey.product.start(['worker']);
    try {
      // Longer than a heartbeat may stay away; everything the sleeper had is given to the other.
      await untilShown(journey.product, runId, (view) => view.state === 'completed', 120);
    } finally {
      process.kill(sleeper, 'SIGCONT');
      await new Promise((resolve) => setTimeout(resolve, 3000));
      other.child.kill('SIGTERM');
      await other.answer;
    }
    await expectWhole(runId);
  }, 180_000);
});

describe('`temporal workflow reset` in the middle of a run', () => {
  it.each(['FirstWorkflowTask', 'LastWorkflowTask'])('to its %s: the run that goes on ends right', async (type) => {
    const runId = await startHalf();
    const { address } = JSON.parse(await readFile(join(journey.folder, 'engine', 'engine.json'), 'utf8')) as { address: string };
    await run(join(tools, 'temporal', 'bin', 'temporal'), ['workflow', 'reset', '--address', address, '--workflow-id', runId, '--type', type, '--reason', 'an operator tries']);
    await hurry(runId);
    await expectWhole(runId);
  }, 180_000);
});
