import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openJourney, type Journey, type RunAnswer } from './openJourney.ts';

let journey: Journey;
beforeAll(async () => { journey = await openJourney(['hdfs-a']); }, 180_000);
afterAll(async () => { await journey?.close(); });

/** Files of a DataNode that hold blocks, with what belongs to them. */
async function blocks(): Promise<string[]> {
  const folder = join(journey.lab.place('hdfs-a').folder, 'data');
  return (await readdir(folder, { recursive: true })).filter((name) => /\/blk_\d+(_\d+\.meta)?$/.test(name)).map((name) => join(folder, name));
}

it('a file with a lost block is a gap that is named, and comes with the next increment when the block is back', async () => {
  await using hdfs = journey.hdfs('hdfs-a');
  await hdfs.create('/data/whole', [Buffer.from('whole')]);
  const before = new Set(await blocks());
  await hdfs.create('/data/lost', [Buffer.alloc(100_000, 'lost')]);
  const lost = (await blocks()).filter((each) => !before.has(each));
  expect(lost).toHaveLength(2);
  for (const each of lost) await rename(each, `${each}.away`);

  const partial = await journey.product.json<RunAnswer>(['task', 'run', 'nightly'], [3]);
  expect(partial.outcome).toBe('partial');
  const [first] = partial.setIds;
  const shown = await journey.product.json<{ sources: { gaps: number; warnings: string[] }[] }>(['set', 'show', first!, '--destination', 'vault']);
  expect(JSON.stringify(shown)).toMatch(/\/data\/lost: could not be read: HDFS: \/data\/lost: the block at 0 is (on no DataNode|corrupt in every copy), though all DataNodes are there/);

  for (const each of lost) await rename(`${each}.away`, each);
  await journey.lab.restart('hdfs-a');
  const healed = await journey.product.json<RunAnswer>(['task', 'run', 'nightly']);
  expect(healed.sources).toMatchObject([{ kind: 'incremental' }]);
  const out = join(journey.folder, 'out');
  await journey.product.json(['set', 'extract', healed.setIds[0]!, 'hdfs', '/data', '--to', out, '--destination', 'vault']);
}, 240_000);
