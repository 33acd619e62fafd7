import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { createFramePool } from '../../backupset/framePool.ts';
import { knownDamage, writeProof } from '../../backupset/proofs.ts';
import { verifySet } from '../../backupset/verifySet.ts';
import { controlQueue } from '../../contracts/names.ts';
import type { BackupOutcome } from '../../contracts/run.ts';
import { extracted, leftIn, lostHandles, pictureOf } from './judgeWorld.ts';
import { instances, openRealWorld, type RealWorld } from './realActivities.ts';
import { openWorkflowLab, type WorkflowLab } from './workflowLab.ts';

const hourMs = 3_600_000;
const noMapping = { instances: {}, paths: [], databases: {}, owners: {} };
let lab: WorkflowLab;
let world: RealWorld;
const pool = createFramePool({ threads: 1 });

beforeAll(async () => {
  lab = await openWorkflowLab('skipping');
  world = await openRealWorld(pool);
});
afterEach(() => { vi.useRealTimers(); });
afterAll(async () => {
  await lab?.close();
  await world?.[Symbol.asyncDispose]();
  await pool[Symbol.asyncDispose]();
});

/** A run whose clock is this far ahead, after the source has changed. */
async function backUp(aheadMs: number): Promise<BackupOutcome> {
  for (const instance of instances) {
    const service = world.service('prod', instance);
    service.now = () => Date.now() + aheadMs;
    service.change('original');
  }
  return await lab.during(world.activities, async () => (await lab.env.client.workflow.execute('backup', { taskQueue: controlQueue, workflowId: `backup/${randomUUID()}`, args: [{ cluster: 'prod', task: 'nightly' }] })) as BackupOutcome);
}

it('a clock that is set back by an hour: increments go on from the newest set, and the newest is what latest means', async () => {
  const ahead = await backUp(hourMs);
  const first = await backUp(0);
  const second = await backUp(0);
  const ids = [ahead, first, second].map((each) => each.setIds[0]!);
  expect(ids).toEqual([...ids].sort());
  // Recovery points stay what the clock said.
  expect(Date.parse(second.recoveryPoint)).toBeLessThan(Date.parse(ahead.recoveryPoint) - hourMs / 2);
  for (const source of second.sources) expect(source).toMatchObject({ kind: 'incremental' });
  expect(second.sources.map((each) => each.fellBack)).toEqual([undefined, undefined]);
  expect(await leftIn(world)).toEqual([]);
  expect(await lostHandles(world)).toEqual([]);
  for (const instance of instances) expect(await extracted(world, pool, 'vault', ids[2]!, instance)).toEqual(pictureOf(world.service('prod', instance).places.original));
  const { sets } = await world.activities.resolveMirror({ from: 'prod', to: 'standby', at: 'latest', tasks: [], mapping: noMapping, existing: 'fail', limits: { bandwidth: null, parallel: 1 }, compareOnly: true });
  expect(sets.map((each) => each.setId)).toEqual([ids[2]]);
});

it('damage that is found after the clock was set back is not taken for one that a good proof cleared', async () => {
  const setId = (await backUp(0)).setIds[0]!;
  const repository = await world.open('vault');
  await using _ = repository.session;
  const good = await verifySet(repository, pool, setId, 'content');
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hourMs });
  await writeProof(repository, good);
  vi.useRealTimers();
  await writeProof(repository, { ...good, ok: false, damage: [{ object: 'packs/aa/x', kind: 'digest', entries: [], total: 0 }] });
  expect([...(await knownDamage(repository, { cluster: 'prod', task: 'nightly', setId }))]).toEqual(['packs/aa/x']);
});
