import { setTimeout as sleep } from 'node:timers/promises';
import { userInfo } from 'node:os';
import { connectDbservice, databases } from '../lab/dbservice.ts';
import { createWebHdfs } from '../protocols/webhdfs/createWebHdfs.ts';
import type { RoundPlan } from './planRound.ts';
import type { StormScene } from './stormScene.ts';
import type { Expected } from './writtenSource.ts';

/** Makes the world what the round begins with. Returns what must be there when it has ended: in the set, at the source, in the mirror. */
export async function prepareRound(scene: StormScene, plan: RoundPlan): Promise<Expected> {
  if (plan.kind === 'full' || plan.kind === 'incremental') {
    await scene.source.change(plan.number);
    return await scene.source.expected();
  }
  if (scene.newest === undefined) throw new Error('no set to restore from');
  if (plan.kind === 'in place') await scene.source.damage(plan.number);
  else await emptyStandby(scene);
  return scene.newest.expected;
}

async function emptyStandby(scene: StormScene): Promise<void> {
  await using hdfs = createWebHdfs({ urls: [scene.lab.endpoints('hdfs-b')['webhdfs']!], user: userInfo().username });
  await hdfs.delete('/data', { recursive: true });
  const client = await connectDbservice(scene.lab.place('dbservice-b'));
  try {
    for (const name of Object.keys(databases)) await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  } finally {
    await client.end();
  }
}

/** Starts the run and leaves it to itself. Returns its id. */
export async function startRound(scene: StormScene, plan: RoundPlan): Promise<string> {
  if (plan.kind === 'full') return await started(scene, ['task', 'run', 'nightly', '--full', '--detach']);
  if (plan.kind === 'incremental') return await started(scene, ['task', 'run', 'nightly', '--detach']);
  if (plan.kind === 'mirror') return await started(scene, ['mirror', 'run', '--from', 'prod', '--to', 'standby', '--detach']);
  const { planId } = await answered<{ planId: string }>(scene, ['restoration', 'plan', scene.newest!.setId, '--to', 'prod', '--destination', 'vault', '--in-place']);
  return await started(scene, ['restoration', 'run', planId, '--yes', '--detach']);
}

async function started(scene: StormScene, args: readonly string[]): Promise<string> {
  return (await answered<{ runId: string }>(scene, args)).runId;
}

/** The round before may have ended with a kill of the engine: `up` is just starting it again. */
async function answered<T>(scene: StormScene, args: readonly string[]): Promise<T> {
  for (const deadline = Date.now() + 60_000; ; ) {
    const answer = await scene.product.run(...args, '--output', 'json', '--quiet');
    if (answer.code === 0) return answer.json<T>();
    if (answer.code !== 6 || Date.now() > deadline) throw new Error(`mrs-backup ${args.join(' ')} ended with ${answer.code}\n${answer.stdout}\n${answer.stderr}`);
    await sleep(500);
  }
}
