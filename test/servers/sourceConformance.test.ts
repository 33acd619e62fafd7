import { readdir, mkdtemp, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkSource, type SourceFixture } from '../../components/conformance.ts';
import { dbserviceSource } from '../../components/dbservice/dbserviceSource.ts';
import type { DbserviceSelection } from '../../components/dbservice/dbserviceInstance.ts';
import { hdfsSource } from '../../components/hdfs/hdfsSource.ts';
import type { HdfsSelection } from '../../components/hdfs/hdfsSchemas.ts';
import type { SourceContext, SourceSession } from '../../components/dataSource.ts';
import { connectDbservice, databases, passwordFile, postgresBinaries } from '../../lab/dbservice.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { fillDatabase } from '../../lab/sampleDatabase.ts';
import { changeHdfs, fillHdfs } from '../../lab/sampleHdfs.ts';
import { createWebHdfs } from '../../protocols/webhdfs/createWebHdfs.ts';
import { WebHdfsError } from '../../protocols/webhdfs/webHdfsError.ts';

const toolsFolder = process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname;
let folder: string;
let lab: Lab;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-sources-'));
  lab = await createLab({ stateFolder: folder, toolsFolder });
  await lab.up(['hdfs-a', 'dbservice']);
}, 180_000);

afterAll(async () => {
  await lab?.down();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

async function check<Selection>(fixture: SourceFixture<Selection>): Promise<void> {
  const failed = [];
  for await (const result of checkSource(fixture)) if (result.status === 'failed') failed.push(result);
  expect(failed).toEqual([]);
}

test('hdfs keeps every promise of a data source', { timeout: 240_000 }, async () => {
  const url = lab.endpoints('hdfs-a')['webhdfs']!;
  const user = userInfo().username;
  await using client = createWebHdfs({ urls: [url], user });
  const roots = { original: '/suite/data', mapped: '/suite/mapped' };
  await fillHdfs(client, roots.original, { files: 30, largeBytes: 2 << 20 });
  let changes = 0;
  const connect = (): Promise<SourceSession<HdfsSelection>> => hdfsSource.connect({ webhdfs: [url], user }, { cluster: 'prod', instance: 'hacluster', readSecret: async () => '', scratchFolder: folder, held: new Map() });
  await check<HdfsSelection>({
    source: hdfsSource, instance: 'hacluster', selection: { paths: [roots.original] }, incremental: true, touchedByHandle: ['modificationTime'],
    mapping: { instances: {}, paths: [{ from: roots.original, to: roots.mapped }], databases: {}, owners: {} },
    connect, restart: connect,
    async change(place) {
      changes += 1;
      const root = roots[place];
      if (changes === 1) await changeHdfs(client, root, 30);
      await client.create(`${root}/new ${changes}`, [Buffer.from(`new ${changes}`)], { overwrite: true });
      await client.create(`${root}/empty`, [Buffer.from(`other ${changes}`)], { overwrite: true });
      await client.delete(`${root}/many/d${changes}`, { recursive: true });
    },
    async fingerprint(place) {
      const lines: string[] = [];
      for (const waiting = [roots[place]]; waiting.length > 0;) {
        const path = waiting.pop()!;
        const { accessTime: _accessed, ...status } = await client.status(path);
        lines.push(JSON.stringify([path, status, await client.xattrs(path), status.aclBit ? await client.acl(path) : null]));
        if (status.type === 'FILE') lines.push((await client.checksum(path)).hex);
        else for await (const page of client.listPaged(path)) waiting.push(...page.map((child) => `${path}/${child.pathSuffix}`));
      }
      return lines.sort().join('\n');
    },
    loseHandle: async ({ name }) => await client.deleteSnapshot(roots.original, name),
    async leftovers({ name }) {
      const left: string[] = [];
      for await (const page of client.listPaged('/suite')) left.push(...page.map((child) => child.pathSuffix).filter((child) => child.startsWith('.mrs-backup-') || child === `data.before-${name}`));
      try {
        left.push(...(await client.snapshots(roots.original)).filter((snapshot) => snapshot === name));
      } catch (error) {
        if (!(error instanceof WebHdfsError)) throw error; // no snapshots were ever allowed
      }
      return left;
    },
  });
});

test('dbservice keeps every promise of a data source', { timeout: 240_000 }, async () => {
  const place = lab.place('dbservice');
  const of = (database: string) => ({ original: database, mapped: `${database}_mapped` });
  const chosen = ['hivemeta', 'oozie'];
  const sql = async <T = unknown>(database: string, text: string): Promise<T[]> => {
    const client = await connectDbservice(place, database);
    try {
      return (await client.query(text)).rows as T[];
    } finally {
      await client.end();
    }
  };
  for (const name of chosen) {
    const client = await connectDbservice(place, name);
    await fillDatabase(client, databases[name]!.owner, 60);
    await client.end();
  }
  let changes = 0;
  const scratchFolder = join(folder, 'scratch');
  const held: SourceContext['held'] = new Map();
  const instance = dbserviceSource.instance.parse({ host: '127.0.0.1', port: place.ports['port'], user: 'postgres', password: { file: passwordFile(place) }, binaries: postgresBinaries(toolsFolder), databases });
  const connect = (as: SourceContext['held']): Promise<SourceSession<DbserviceSelection>> => dbserviceSource.connect(instance, { cluster: 'prod', instance: 'DBService', readSecret: async () => readFileSync(passwordFile(place), 'utf8'), scratchFolder, held: as });
  await check<DbserviceSelection>({
    source: dbserviceSource, instance: 'DBService', selection: { databases: chosen }, incremental: false, touchedByHandle: [],
    mapping: { instances: {}, paths: [], databases: Object.fromEntries(chosen.map((name) => [name, of(name).mapped])), owners: {} },
    connect: () => connect(held), restart: () => connect(new Map()),
    async change(where) {
      changes += 1;
      const database = of('hivemeta')[where];
      await sql(database, `insert into sample.kinds (name) values ('new ${changes}')`);
      await sql(database, `update sample.kinds set amount = ${changes} where id % 7 = 0`);
      await sql(database, `delete from sample.details where kind = ${changes}`);
      await sql(database, `create table sample.new${changes} (n int)`);
    },
    async fingerprint(where) {
      const said: unknown[] = [];
      for (const name of chosen) {
        const database = of(name)[where];
        said.push(await sql('postgres', `select datname, pg_get_userbyid(datdba) as owner, datacl::text, shobj_description(oid, 'pg_database') as comment from pg_database where datname = '${database}'`));
        const tables = await sql<{ table: string }>(database, `select format('%I.%I', schemaname, tablename) as "table" from pg_tables where schemaname = 'sample' order by 1`);
        for (const { table } of tables) said.push([table, await sql(database, `select count(*)::int as n, md5(string_agg(t::text, '|' order by t::text)) as rows from ${table} t`)]);
      }
      return JSON.stringify(said);
    },
    // Only one of its connections: a handle is lost as a whole.
    loseHandle: async ({ name }) => void (await sql('postgres', `select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${name.replace('.', '/')}' and datname = 'oozie'`)),
    async leftovers({ name }) {
      const folders = (await readdir(scratchFolder, { recursive: true }).catch(() => [])).filter((each) => each.includes(name)).map((each) => `scratch: ${each}`);
      const rows = await sql<{ name: string }>('postgres', `select datname as name from pg_database where datname ~ '__(mrs|before)_${name}$' or (shobj_description(oid, 'pg_database') like 'mrs-backup%${name}%') union all select application_name from pg_stat_activity where application_name = '${name.replace('.', '/')}'`);
      return [...folders, ...rows.map((row) => `server: ${row.name}`)];
    },
  });
});
