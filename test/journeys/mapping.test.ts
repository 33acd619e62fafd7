import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { connectDbservice } from '../../lab/dbservice.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { openJourney, type Journey, type RestoreAnswer, type RunAnswer } from './openJourney.ts';

let journey: Journey;

beforeAll(async () => {
  journey = await openJourney(['hdfs-a', 'hdfs-b-ns2', 'dbservice', 'dbservice-b']);
  await makeSampleData(journey.lab, { files: 30, largeBytes: 1 << 20, databases: ['hivemeta', 'huemeta'], rows: 200 });
  await using hdfs = journey.hdfs('hdfs-a');
  await hdfs.mkdirs('/archive/old');
  await hdfs.create('/archive/old/ledger', [Buffer.from('kept for ten years')]);
  for (const folder of ['/accounts', '/audit']) await hdfs.mkdirs(folder);
  // The same cluster, by several tasks: two that lie side by side, one that has less of the same, one across.
  const config = parse(await readFile(journey.lab.config(), 'utf8')) as { tasks: Record<string, unknown> };
  const task = (paths: string[], exclude: string[] = []) => ({ cluster: 'prod', sources: [{ source: 'hdfs', instance: 'hacluster', paths, ...(exclude.length === 0 ? {} : { exclude }) }], destinations: ['vault'] });
  config.tasks = { ...config.tasks, yearly: task(['/archive', '/accounts']), hourly: task(['/data'], ['/data/large/**']), crossing: task(['/archive', '/audit']) };
  await writeFile(journey.lab.config(), stringify(config, { aliasDuplicateObjects: false }));
}, 240_000);
afterAll(async () => { await journey?.close(); });

async function mapFile(mapping: object): Promise<string> {
  const path = join(journey.folder, 'map.yaml');
  await writeFile(path, stringify(mapping));
  return path;
}

async function databases(): Promise<Record<string, string>> {
  const client = await connectDbservice(journey.lab.place('dbservice-b'));
  try {
    const { rows } = await client.query<{ name: string; owner: string }>(`SELECT datname AS name, pg_get_userbyid(datdba) AS owner FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'`);
    return Object.fromEntries(rows.map(({ name, owner }) => [name, owner]));
  } finally {
    await client.end();
  }
}

describe('a cluster that several tasks back up', () => {
  it('is mirrored from all of them, under the mapping', async () => {
    // The one with less comes first: what the newer one holds too is not restored twice.
    for (const name of ['hourly', 'yearly', 'nightly']) expect((await journey.product.json<RunAnswer>(['task', 'run', name])).outcome).toBe('sealed');
    const map = await mapFile({ instances: { 'hdfs@hacluster': 'ns2' }, paths: [{ from: '/data', to: '/copy/of/data' }], databases: { hivemeta: 'hive_copy' }, owners: { hive: 'hive2' } });
    const outcome = await journey.product.json<RestoreAnswer & { parity: { source: string; equal: boolean }[] }>(['mirror', 'run', '--from', 'prod', '--to', 'standby', '--map', map]);
    expect(outcome.outcome).toBe('restored');
    expect(outcome.parity.map((each) => each.equal)).toEqual([true, true, true]);
    await using to = journey.hdfs('hdfs-b-ns2');
    expect(await to.statusOrUndefined('/data')).toBeUndefined();
    expect((await to.status('/copy/of/data/attributes/owned')).owner).toBe('hive2');
    expect((await to.status('/archive/old/ledger')).length).toBe(18);
    expect(await databases()).toMatchObject({ hive_copy: 'hive2', huemeta: 'hue' });
    expect(await databases()).not.toHaveProperty('hivemeta');
    for await (const page of to.listPaged('/')) expect(page.map((each) => each.pathSuffix).filter((name) => name.startsWith('.mrs-backup'))).toEqual([]);
    expect(await journey.leftovers()).toEqual([]);
  });

  it('is refused where it would meet what is there, skips it, or replaces it, as asked', async () => {
    const map = await mapFile({ instances: { 'hdfs@hacluster': 'ns2' }, paths: [{ from: '/data', to: '/copy/of/data' }], databases: { hivemeta: 'hive_copy' }, owners: { hive: 'hive2' } });
    const mirror = ['mirror', 'run', '--from', 'prod', '--to', 'standby', '--map', map];
    await using to = journey.hdfs('hdfs-b-ns2');
    await to.create('/copy/of/data/empty', [Buffer.from('somebody wrote here')], { overwrite: true });
    const refused = await journey.product.run(...mirror, '--output', 'json', '--quiet');
    expect(refused.code).toBe(4);
    expect(refused.json<{ error: { code: string } }>().error.code).toBe('E_TARGET_EXISTS');
    expect((await to.status('/copy/of/data/empty')).length).toBe(19);
    // Skipped is not equal: the report says so.
    const skipped = await journey.product.json<RestoreAnswer>([...mirror, '--existing', 'skip'], [3]);
    expect(skipped.outcome).toBe('differences');
    expect((await to.status('/copy/of/data/empty')).length).toBe(19);
    const forced = await journey.product.json<RestoreAnswer>([...mirror, '--existing', 'force']);
    expect(forced.outcome).toBe('restored');
    expect((await to.status('/copy/of/data/empty')).length).toBe(0);
  });

  it('is not guessed at where two tasks hold different parts of the same', async () => {
    expect((await journey.product.json<RunAnswer>(['task', 'run', 'crossing'])).outcome).toBe('sealed');
    const compare = ['mirror', 'compare', '--from', 'prod', '--to', 'standby', '--map', await mapFile({ instances: { 'hdfs@hacluster': 'ns2' }, paths: [{ from: '/data', to: '/copy/of/data' }], databases: { hivemeta: 'hive_copy' }, owners: { hive: 'hive2' } })];
    const refused = await journey.product.run(...compare, '--quiet');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/crossing.*hdfs@hacluster[\s\S]*--task/);
    const chosen = await journey.product.json<RestoreAnswer>([...compare, '--task', 'nightly', '--task', 'yearly']);
    expect(chosen.outcome).toBe('compared');
  });
});
