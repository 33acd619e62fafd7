import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { connectDbservice } from '../../lab/dbservice.ts';
import { greetingOf } from '../../lab/greetingOf.ts';
import { sambaVersion } from '../../lab/cifsFiles.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { openProduct, type Product } from '../../lab/product.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { createWebHdfs } from '../../protocols/webhdfs/createWebHdfs.ts';
import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';
import { writeSupportProofs, type SupportProof } from '../../support/supportProofs.ts';
import { productVersion } from '../../worker/productVersion.ts';

/** Every data source with every directory type that is built, as a user does it. Columns: type, destination of the lab's configuration. */
const destinations = [['LocalDir', 'vault'], ['LocalHDFS', 'onprod'], ['RemoteHDFS', 'onstandby'], ['NFS', 'onnfs'], ['CIFS', 'oncifs'], ['SFTP', 'onsftp'], ['OBS', 'obs']] as const;
const sources = {
  hdfs: { source: 'hdfs', instance: 'hacluster', paths: ['/data'] },
  dbservice: { source: 'dbservice', databases: ['hivemeta', 'oozie'] },
} as const;
const pairs = destinations.flatMap(([type, destination]) => Object.keys(sources).map((source) => ({ source: source as keyof typeof sources, type, destination, task: `${source}-${destination}` })));

/** Whose version belongs into the record of a directory type. */
const serverOf: Readonly<Record<(typeof destinations)[number][0], string | undefined>> = { LocalDir: undefined, LocalHDFS: 'hdfs', RemoteHDFS: 'hdfs', NFS: 'nfs', CIFS: 'cifs', SFTP: 'sftp', OBS: 'obs' };

let folder: string;
let lab: Lab;
let product: Product;
let hdfs: WebHdfs;
const proved: SupportProof[] = [];
const versions: Record<string, string> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-pairs-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname });
  await lab.up(['hdfs-a', 'hdfs-b', 'dbservice', 'nfs', 'cifs', 'sftp', 's3-a']);
  hdfs = createWebHdfs({ urls: [lab.endpoints('hdfs-a')['webhdfs']!], user: userInfo().username });
  await makeSampleData(lab, { files: 40, largeBytes: 3 << 20, databases: ['hivemeta', 'oozie'], rows: 200 });
  // A dump of several chunks, some of them as long as a chunk may be.
  await sql('hivemeta', `create table sample.bulk as select i, (select string_agg(md5(i::text || '-' || j), '') from generate_series(1, 32) as j) as text from generate_series(1, 8000) as i; alter table sample.bulk owner to hive`);
  const config = parse(await readFile(lab.config(), 'utf8')) as Record<string, unknown>;
  config['tasks'] = Object.fromEntries(pairs.map(({ source, destination, task }) => [task, { cluster: 'prod', sources: [sources[source]], destinations: [destination] }]));
  await writeFile(join(folder, 'pairs.yaml'), stringify(config, { aliasDuplicateObjects: false }));
  product = openProduct(join(folder, 'pairs.yaml'), join(folder, 'engine'));
  await product.up();
  versions['hdfs'] = `Hadoop ${String((await hdfs.jmx('Hadoop:service=NameNode,name=NameNodeInfo'))[0]?.['SoftwareVersion'])}`;
  versions['sftp'] = (await greetingOf(lab.place('sftp').ports['port']!)).replace(/^SSH-2\.0-(\w+)_(\S+).*$/, '$1 $2');
  versions['nfs'] = `nfs-ganesha ${/Ganesha Version (\S+)/i.exec(await readFile(join(lab.place('nfs').folder, 'ganesha.log'), 'utf8'))?.[1]}`;
  versions['cifs'] = await sambaVersion(lab.place('cifs'));
  versions['obs'] = `SeaweedFS ${/\d+\.\d+/.exec((await promisify(execFile)(join(lab.place('s3-a').toolsFolder, 'seaweedfs', 'bin', 'weed'), ['version'])).stdout)?.[0]}`;
  versions['dbservice'] = `PostgreSQL ${(await sql<{ server_version: string }>('postgres', 'show server_version'))[0]!.server_version}`;
}, 240_000);

afterAll(async () => {
  await product?.down();
  await hdfs?.[Symbol.asyncDispose]();
  await lab?.down();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

async function sql<T>(database: string, text: string): Promise<T[]> {
  const client = await connectDbservice(lab.place('dbservice'), database);
  try {
    return (await client.query(text)).rows as T[];
  } finally {
    await client.end();
  }
}

/** Paths below a directory with the checksums of files, by a client of the test's own. */
async function treeOf(root: string): Promise<string[]> {
  const lines: string[] = [];
  for (const waiting = ['']; waiting.length > 0;) {
    const below = waiting.pop()!;
    for await (const page of hdfs.listPaged(`${root}${below}`)) {
      for (const child of page) {
        const path = `${below}/${child.pathSuffix}`;
        if (child.type === 'DIRECTORY') waiting.push(path);
        lines.push(child.type === 'DIRECTORY' ? `${path}/` : `${path} ${child.length} ${(await hdfs.checksum(`${root}${path}`)).hex} ${child.owner}`);
      }
    }
  }
  return lines.sort();
}

async function rowsOf(database: string): Promise<string> {
  const tables = await sql<{ t: string }>(database, `select format('%I.%I', schemaname, tablename) as t from pg_tables where schemaname = 'sample' order by 1`);
  const all = await Promise.all(tables.map(async ({ t }) => [t, await sql(database, `select count(*)::int as n, md5(string_agg(r::text, '|' order by r::text)) as rows from ${t} r`)]));
  return JSON.stringify(all);
}

/** Compares what was restored beside with the original past the product; then removes it for the next pair. */
const compareAndRemove: Record<keyof typeof sources, () => Promise<void>> = {
  async hdfs() {
    const restored: string[] = [];
    for await (const page of hdfs.listPaged('/')) restored.push(...page.map((child) => child.pathSuffix).filter((name) => name.startsWith('data.restored-')));
    expect(restored).toHaveLength(1);
    const original = await treeOf('/data');
    expect(original.length).toBeGreaterThan(80);
    expect(await treeOf(`/${restored[0]!}`)).toEqual(original);
    await hdfs.delete(`/${restored[0]!}`, { recursive: true });
  },
  async dbservice() {
    for (const name of sources.dbservice.databases) {
      const restored = await sql<{ datname: string }>('postgres', `select datname from pg_database where datname like '${name}\\_restored\\_%'`);
      expect(restored).toHaveLength(1);
      const original = await rowsOf(name);
      expect(original).toContain('sample.kinds');
      expect(await rowsOf(restored[0]!.datname)).toBe(original);
      await sql('postgres', `drop database "${restored[0]!.datname}" with (force)`);
    }
  },
};

// The sources have nothing to do with each other: what one waits for, the other need not.
describe.concurrent.each(Object.keys(sources))('%s', (each) => {
  test.each(pairs.filter((pair) => pair.source === each))('is backed up to $type, verified, restored beside and found equal', { timeout: 180_000, concurrent: false }, async ({ source, type, destination, task }) => {
    const run = await product.json<{ outcome: string; setIds: string[] }>(['task', 'run', task]);
    expect(run.outcome).toBe('sealed');
    const setId = run.setIds[0]!;
    const verified = await product.json<{ ok: boolean; checkedBytes: number }>(['set', 'verify', setId, '--destination', destination, '--level', 'content']);
    expect(verified.ok).toBe(true);
    expect(verified.checkedBytes).toBeGreaterThan(10_000);
    const plan = await product.json<{ planId: string }>(['restoration', 'plan', setId, '--to', 'prod', '--destination', destination]);
    const restored = await product.json<{ outcome: string; sources: { source: string; compared: number; differences: number; missing: number }[] }>(['restoration', 'run', plan.planId, '--yes']);
    expect(restored).toMatchObject({ outcome: 'restored', sources: [{ source, differences: 0, missing: 0 }] });
    expect(restored.sources[0]!.compared).toBeGreaterThan(10);
    await compareAndRemove[source]();
    const server = serverOf[type];
    proved.push({ source, type, at: new Date().toISOString(), version: productVersion, servers: [...new Set([versions[source]!, ...(server === undefined ? [] : [versions[server]!])])].join(', ') });
  });
});

test('the support matrix calls these pairs proved, from the record, and no other', async () => {
  // Only a run in which every pair passed is a record.
  expect(proved).toHaveLength(pairs.length);
  if (process.env['MRS_BACKUP_RECORD_PROOFS'] === '1') await writeSupportProofs(proved);
  const { rows } = await product.json<{ rows: { source: string; type: string; ours: string; proved: string; reason: string }[] }>(['support', 'show']);
  expect(rows).toHaveLength(98);
  expect(rows.filter((row) => row.proved === 'proved').map((row) => `${row.source} ${row.type}`).sort()).toEqual(pairs.map(({ source, type }) => `${source} ${type}`).sort());
  for (const type of ['LocalDir', 'LocalHDFS']) expect(rows.find((row) => row.source === 'hdfs' && row.type === type)).toMatchObject({ ours: 'warning', reason: expect.stringContaining('cluster it protects') });
});
