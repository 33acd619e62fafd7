import { rm } from 'node:fs/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { createFramePool } from '../../backupset/framePool.ts';
import { listSets } from '../../backupset/listSets.ts';
import { writeProof } from '../../backupset/proofs.ts';
import { verifySet } from '../../backupset/verifySet.ts';
import type { Failure } from '../../contracts/failure.ts';
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

test('a destination that goes away when the others are sealed already is not waited for longer than the task says, to be verified or cleaned up', async () => {
  await using pool = createFramePool({ threads: 1 });
  await using world = await openRealWorld(pool);
  const of = { cluster: 'prod', task: 'nightly', runKey: '0123abcd' };
  await rm(world.folderOf('second'), { recursive: true });
  const { verifySet: verify, cleanDestination: clean } = world.activities;
  // The task's hour is over after some 360 pauses.
  for (const [attempt, givenUp] of [[300, undefined], [400, true]] as const) {
    const env = new MockActivityEnvironment({ attempt });
    for (const step of [() => verify('second', 'set', 'stored', of), () => clean({ runId: 'run', runKey: of.runKey }, 'second', null, of)]) {
      const failure = await env.run(step).then(() => undefined, (error: unknown) => error as Failure);
      expect(failure).toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', hint: expect.stringMatching(givenUp ? /when it is back: mrs-backup/ : /bring it back/) });
      expect(failure!.details['givenUp']).toBe(givenUp);
    }
  }
});
