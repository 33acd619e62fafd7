import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { planRound } from '../../durability/planRound.ts';
import { runRound } from '../../durability/runRound.ts';
import { openStormScene, type StormScene } from '../../durability/stormScene.ts';

const seed = 'journey';
let folder: string;
let scene: StormScene;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-storm-'));
  // PostgreSQL runs as another user.
  await chmod(folder, 0o755);
  scene = await openStormScene({
    clusters: ['prod'], folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? join(import.meta.dirname, '../../.tools'), seed,
    size: { smallFiles: 20, bulkFiles: 6, bulkBytes: 4 << 20, rows: 200 }, bandwidth: '10 MiB/s',
  });
}, 180_000);
afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Rounds 1 and 3 of the seed: a full run, and a restoration in place of what it sealed. */
it.each([1, 3])('round %i of a storm of kills ends right, with nothing lost, doubled or left behind', async (number) => {
  const plan = planRound(seed, number);
  const result = await runRound(scene, { ...plan, kills: plan.kills.slice(0, 3) }, () => undefined);
  expect({ wrong: result.wrong, leftovers: result.leftovers }).toEqual({ wrong: [], leftovers: [] });
  expect(result.killed.length).toBeGreaterThan(0);
}, 180_000);

it('is the same storm for the same seed, and another one for another', () => {
  expect(planRound('a', 7)).toEqual(planRound('a', 7));
  expect(planRound('a', 7)).not.toEqual(planRound('b', 7));
});
