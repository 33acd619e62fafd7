import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answers } from '../../client/answers/answers.ts';
import { connectDbservice } from '../../lab/dbservice.ts';
import { loseDatabase, loseDirectory } from '../../lab/damage.ts';
import { changeSampleData, makeSampleData } from '../../lab/sampleData.ts';
import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';
import { createHash } from 'node:crypto';
import { openJourney, type Journey, type RestoreAnswer, type RunAnswer } from './openJourney.ts';

const files = 60;
let journey: Journey;
let full: RunAnswer;
let incremental: RunAnswer;

beforeAll(async () => {
  journey = await openJourney(['hdfs-a', 'hdfs-b', 'dbservice', 'dbservice-b']);
  await makeSampleData(journey.lab, { files, largeBytes: 6 << 20 });
}, 240_000);
afterAll(async () => { await journey?.close(); });

/** Everything below a path as a plain client sees it, without the product's own code for comparing. */
async function picture(hdfs: WebHdfs, root: string): Promise<Map<string, string>> {
  const seen = new Map<string, string>();
  const walk = async (path: string): Promise<void> => {
    for await (const page of hdfs.listPaged(path)) {
      for (const each of page) {
        const full = `${path}/${each.pathSuffix}`;
        const attributes = [each.type, each.owner, each.group, each.permission, each.type === 'FILE' ? each.modificationTime : '', each.replication].join(' ');
        const hash = createHash('sha256');
        if (each.type === 'FILE') for await (const bytes of hdfs.open(full, 0, each.length)) hash.update(bytes);
        const acl = each.aclBit ? JSON.stringify(await hdfs.acl(full)) : '';
        seen.set(full.slice(root.length), `${attributes} ${each.type === 'FILE' ? hash.digest('hex') : ''} ${acl}`);
        if (each.type === 'DIRECTORY') await walk(full);
      }
    }
  };
  await walk(root);
  return seen;
}

async function rows(database: string): Promise<string> {
  const client = await connectDbservice(journey.lab.place('dbservice'), database);
  try {
    const { rows: tables } = await client.query<{ name: string }>(`SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`);
    const counts: string[] = [];
    for (const { name } of tables) counts.push(`${name} ${(await client.query<{ digest: string }>(`SELECT count(*) || ' ' || coalesce(sum(hashtext(t::text)::bigint), 0) AS digest FROM ${name} t`)).rows[0]!.digest}`);
    return counts.join('\n');
  } finally {
    await client.end();
  }
}

describe('a cluster that is backed up', () => {
  it('is read once, and then only where it changed', async () => {
    full = await journey.product.json<RunAnswer>(['task', 'run', 'nightly']);
    expect(full.outcome).toBe('sealed');
    await changeSampleData(journey.lab, { files });
    incremental = await journey.product.json<RunAnswer>(['task', 'run', 'nightly']);
    const hdfs = incremental.sources.find((each) => each.source === 'hdfs')!;
    expect(hdfs.kind).toBe('incremental');
    expect(hdfs.readBytes).toBeLessThan(hdfs.bytes / 20);
    const unchanged = await journey.product.json<RunAnswer>(['task', 'run', 'nightly']);
    for (const each of unchanged.sources) expect(each.storedBytes).toBeLessThan(64 << 10);
    expect(await journey.leftovers()).toEqual([]);
  });

  it('gets a lost directory and a lost database back in place, as they were', async () => {
    await using hdfs = journey.hdfs('hdfs-a');
    const { sets } = await journey.product.json<{ sets: { setId: string }[] }>(['set', 'list', '--destination', 'vault']);
    const setId = sets.at(-1)!.setId;
    const before = { files: await picture(hdfs, '/data'), rows: await rows('hivemeta') };
    const lost = [...before.files.keys()].find((key) => before.files.get(key)!.startsWith('DIRECTORY'))!;
    await loseDirectory(journey.lab, 'hdfs-a', `/data${lost}`);
    await loseDatabase(journey.lab, 'dbservice', 'hivemeta');
    const { planId } = await journey.product.json<{ planId: string }>(['restoration', 'plan', setId, '--to', 'prod', '--destination', 'vault', '--in-place', '--only', `/data${lost}`, '--only', 'databases/hivemeta', '--only', 'globals.sql']);
    const outcome = await journey.product.json<RestoreAnswer>(['restoration', 'run', planId, '--yes']);
    expect(outcome.outcome).toBe('restored');
    expect(await rows('hivemeta')).toBe(before.rows);
    const after = await picture(hdfs, '/data');
    expect(Object.fromEntries(after)).toEqual(Object.fromEntries(before.files));
  });

  it('goes back in place as a whole, keeping what was there', async () => {
    await using hdfs = journey.hdfs('hdfs-a');
    const { sets } = await journey.product.json<{ sets: { setId: string }[] }>(['set', 'list', '--destination', 'vault']);
    const before = await picture(hdfs, '/data');
    await hdfs.create('/data/written-after', [Buffer.from('later')], { overwrite: true });
    const { planId } = await journey.product.json<{ planId: string }>(['restoration', 'plan', sets.at(-1)!.setId, '--to', 'prod', '--destination', 'vault', '--in-place', '--source', 'hdfs']);
    const outcome = await journey.product.json<RestoreAnswer>(['restoration', 'run', planId, '--yes']);
    expect(outcome.outcome).toBe('restored');
    expect(Object.fromEntries(await picture(hdfs, '/data'))).toEqual(Object.fromEntries(before));
    expect(outcome.safetyPoint).toContain('/data.before-');
    expect((await hdfs.status(`${outcome.safetyPoint!.split(', ')[0]}/written-after`)).length).toBe(5);
  });

  it('is refused where a path is not in the set, or cannot be written into', async () => {
    const wrong = async (...args: readonly string[]) => {
      const { code, stdout } = await journey.product.run(...args, '--output', 'json', '--quiet');
      return { code, ...(JSON.parse(stdout) as { error: { message: string } }).error };
    };
    const plan = ['restoration', 'plan', full.setIds[0]!, '--to', 'prod', '--destination', 'vault'] as const;
    expect(await wrong(...plan, '--only', '/data/mistyped', '--only', '/data/attributes')).toMatchObject({ code: 'E_USAGE', message: 'nothing that is selected lies at or below /data/mistyped' });
    expect(await wrong(...plan, '--only', '/data/attributes', '--source', 'dbservice')).toMatchObject({ code: 'E_USAGE', message: expect.stringContaining('/data/attributes') });
    const chosen = await journey.product.json<{ planId: string; order: { entries: number; instance: string }[]; spaceNeeded: number }>([...plan, '--only', '/data/attributes/']);
    expect(chosen).toMatchObject({ order: [{ source: 'hdfs', entries: expect.any(Number) }] });
    expect(chosen.order[0]!.entries).toBeLessThan(50);
    expect(chosen.spaceNeeded).toBeLessThan(1 << 20);
    // It waits, and so goes on, while newer runs come and go.
    const newer = await journey.product.json<RunAnswer>(['task', 'run', 'nightly']);
    const { runs } = await journey.product.json<{ runs: { runId: string; startedAt: string }[] }>(['run', 'list', '--limit', '3']);
    expect(runs.slice(0, 2).map((each) => each.runId)).toEqual([newer.runId, `restore/${chosen.planId}`]);
    expect(runs.map((each) => each.startedAt)).toEqual(runs.map((each) => each.startedAt).sort().reverse());
    expect((await journey.product.run('run', 'cancel', `restore/${chosen.planId}`)).code).toBe(0);
    expect(await wrong('set', 'extract', full.setIds[0]!, 'hdfs@hacluster', '/data/attributes', '--destination', 'vault', '--to', journey.lab.config())).toMatchObject({ code: 'E_USAGE' });
  });

  it('is refused where the target exists, and where nothing is approved', async () => {
    const { planId } = await journey.product.json<{ planId: string }>(['restoration', 'plan', full.setIds[0]!, '--to', 'prod', '--destination', 'vault', '--source', 'hdfs']);
    expect((await journey.product.run('restoration', 'run', planId, '--quiet')).code).toBe(5);
    expect((await journey.product.run('run', 'cancel', `restore/${planId}`)).code).toBe(0);
  });
});

describe('a mirrored cluster', () => {
  it('holds the same afterwards, entry by entry and byte by byte', async () => {
    const outcome = await journey.product.json<RestoreAnswer & { parity?: { equal: boolean }[] }>(['mirror', 'run', '--from', 'prod', '--to', 'standby']);
    expect(outcome.outcome).toBe('restored');
    expect(answers['mirror run']!.safeParse(outcome).error).toBeUndefined();
    await using a = journey.hdfs('hdfs-a');
    await using b = journey.hdfs('hdfs-b');
    expect(Object.fromEntries(await picture(b, '/data'))).toEqual(Object.fromEntries(await picture(a, '/data')));
  });

  it('is found to differ in exactly what differs', async () => {
    await using b = journey.hdfs('hdfs-b');
    await b.create('/data/empty', [Buffer.from('not empty any more')], { overwrite: true }).catch(() => undefined);
    const some = [...(await picture(b, '/data')).entries()].find(([, value]) => value.startsWith('FILE'))![0];
    await b.create(`/data${some}`, [Buffer.from('changed on the standby cluster')], { overwrite: true });
    const outcome = await journey.product.json<RestoreAnswer>(['mirror', 'compare', '--from', 'prod', '--to', 'standby'], [3]);
    const hdfs = outcome.sources.find((each) => each.source === 'hdfs') as unknown as { differing: string[] };
    expect(hdfs.differing.join('\n')).toContain(`/data${some}`);
  });

  it('is not written to without being told so', async () => {
    const answer = await journey.product.run('mirror', 'run', '--from', 'prod', '--to', 'standby', '--output', 'json', '--quiet');
    expect(answer.code).toBe(4);
    expect(answer.json<{ error: { code: string } }>().error.code).toBe('E_TARGET_EXISTS');
  });
});
