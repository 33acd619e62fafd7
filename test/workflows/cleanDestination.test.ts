import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { createFramePool } from '../../backupset/framePool.ts';
import { listSets } from '../../backupset/listSets.ts';
import { writeProof } from '../../backupset/proofs.ts';
import { verifySet } from '../../backupset/verifySet.ts';
import { sampleContents, sealSample } from '../format/sampleSet.ts';
import { openRealWorld } from './realActivities.ts';

test('a run takes away what it could not seal, but not the set that a copy has brought there in the meantime', async () => {
  await using pool = createFramePool({ threads: 1 });
  await using world = await openRealWorld(pool);
  const repository = await world.open('vault');
  await using _ = repository.session;
  const set = { cluster: 'c1', task: 'nightly', setId: '20260101T000000Z-0123abcd' };
  await sealSample(repository, pool, set.setId, sampleContents());
  await writeProof(repository, await verifySet(repository, pool, set, 'stored'), set);
  const clean = () => new MockActivityEnvironment().run(world.activities.cleanDestination, { runId: 'run', runKey: '0123abcd' }, 'vault', set, set);
  const sets = async () => (await Array.fromAsync(listSets(repository, { begun: true }))).map(({ setId, state }) => `${setId} ${state}`);
  await clean();
  expect(await sets()).toEqual([`${set.setId} verified`]);
  // Without a proof it is what the run itself wrote before the answer was lost.
  for await (const { key } of repository.session.list('sets/')) if (key.includes('/proofs/')) await repository.session.remove(key);
  await clean();
  expect(await sets()).toEqual([]);
});
