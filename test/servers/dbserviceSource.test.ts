import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { backup, copyAll, differences, openSession as openAnySession, restore, targetOf, type MemorySet, type Opened } from '../dbservice/backupAndRestore.ts';
import { postgresPassword, PostgresServer } from '../dbservice/postgresServer.ts';

const hiveSql = `
  CREATE SCHEMA meta AUTHORIZATION hive;
  CREATE TABLE meta.tbls (id serial PRIMARY KEY, name text NOT NULL, params jsonb, raw bytea, made timestamptz DEFAULT now());
  ALTER TABLE meta.tbls OWNER TO hive;
  INSERT INTO meta.tbls (name, params, raw) SELECT 'table ' || i, jsonb_build_object('i', i, 'text', E'line\\nbreak\\t' || i), decode(md5(i::text), 'hex') FROM generate_series(1, 500) i;
  CREATE TABLE public.audit (at bigint); ALTER TABLE public.audit OWNER TO auditor; INSERT INTO audit VALUES (1), (2);
  CREATE VIEW meta.names AS SELECT name FROM meta.tbls; ALTER VIEW meta.names OWNER TO hive;
  CREATE FUNCTION meta.upper_name(n text) RETURNS text LANGUAGE sql AS $$ SELECT upper(n) || ';' $$; ALTER FUNCTION meta.upper_name(text) OWNER TO hive;
  CREATE SEQUENCE meta.ids START 41; ALTER SEQUENCE meta.ids OWNER TO hive; SELECT nextval('meta.ids'), nextval('meta.ids');
  GRANT USAGE ON SCHEMA meta TO reader; GRANT SELECT ON meta.tbls TO reader; GRANT UPDATE (name) ON meta.tbls TO auditor;
  ALTER TABLE meta.tbls ENABLE ROW LEVEL SECURITY; CREATE POLICY seen ON meta.tbls FOR SELECT TO reader, hive USING (true);
  ALTER DEFAULT PRIVILEGES FOR ROLE hive IN SCHEMA meta GRANT SELECT ON TABLES TO reader;
  SELECT lo_from_bytea(77001, 'a large object'); ALTER LARGE OBJECT 77001 OWNER TO hive; GRANT SELECT ON LARGE OBJECT 77001 TO reader;`;

const rightsSql = `SELECT (SELECT tableowner FROM pg_tables WHERE tablename = 'tbls') AS tbls, (SELECT tableowner FROM pg_tables WHERE tablename = 'audit') AS audit,
  (SELECT viewowner FROM pg_views WHERE viewname = 'names') AS names, (SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE proname = 'upper_name') AS fn,
  (SELECT relacl::text FROM pg_class WHERE relname = 'tbls') AS acl, (SELECT attacl::text FROM pg_attribute WHERE attrelid = 'meta.tbls'::regclass AND attname = 'name') AS colacl,
  (SELECT defaclacl::text FROM pg_default_acl) AS defacl, (SELECT nspacl::text FROM pg_namespace WHERE nspname = 'meta') AS nspacl,
  (SELECT roles::text FROM pg_policies WHERE policyname = 'seen') AS policy, (SELECT pg_get_userbyid(lomowner) || lomacl::text FROM pg_largeobject_metadata) AS lo,
  convert_from(lo_get(77001), 'UTF8') AS lotext, (SELECT last_value::text FROM meta.ids) AS ids, meta.upper_name('x') AS called,
  (SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM meta.tbls t) AS rows, (SELECT datacl::text FROM pg_database WHERE datname = current_database()) AS datacl,
  (SELECT string_agg(array_to_string(setconfig, ','), ';' ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())) AS settings,
  (SELECT pg_get_userbyid(datdba) || datconnlimit FROM pg_database WHERE datname = current_database()) AS db`;

const hostile = `a "b" 'c'=ü/%\\.`;
const longest = 'ü'.repeat(31) + 'x';

const scratchFolders: string[] = [];

async function openSession(...args: Parameters<typeof openAnySession>): Promise<Opened> {
  const opened = await openAnySession(...args);
  scratchFolders.push(opened.scratch);
  return opened;
}

let one: PostgresServer;
let two: PostgresServer;
const map = { hivemeta: { service: 'Hive', owner: 'hive' }, oozie: { service: 'Oozie', owner: 'oozie' } };

async function seed(server: PostgresServer): Promise<void> {
  await server.sql('postgres', `SET client_min_messages = error; CREATE ROLE hive LOGIN PASSWORD 'hive-pw'; CREATE ROLE auditor NOLOGIN; CREATE ROLE reader; CREATE ROLE oozie LOGIN; GRANT reader TO auditor; ALTER ROLE hive SET work_mem TO '5MB'`);
  await server.sql('postgres', 'CREATE DATABASE hivemeta OWNER hive');
  await server.sql('postgres', 'CREATE DATABASE oozie OWNER oozie');
  await server.sql('hivemeta', hiveSql);
  await server.sql('postgres', `REVOKE CONNECT ON DATABASE hivemeta FROM PUBLIC; GRANT CONNECT ON DATABASE hivemeta TO reader; ALTER DATABASE hivemeta SET search_path TO meta, public; ALTER ROLE hive IN DATABASE hivemeta SET work_mem TO '6MB'; ALTER DATABASE hivemeta CONNECTION LIMIT 50; COMMENT ON DATABASE hivemeta IS 'the metastore'`);
  await server.sql('oozie', `CREATE TABLE jobs (id int, n int); INSERT INTO jobs SELECT i, 0 FROM generate_series(1, 100) i`);
}

beforeAll(async () => {
  [one, two] = await Promise.all([PostgresServer.start(), PostgresServer.start('omm')]);
  await seed(one);
}, 60_000);

afterAll(async () => {
  await one?.[Symbol.asyncDispose]();
  await two?.[Symbol.asyncDispose]();
  for (const folder of scratchFolders) await rm(folder, { recursive: true, force: true });
});

async function databasesOn(server: PostgresServer): Promise<unknown[]> {
  return (await server.sql('postgres', `SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1') ORDER BY datname COLLATE "C"`)).map((row) => row['datname']);
}

async function leftovers(opened: Opened): Promise<string[]> {
  return readdir(opened.scratch);
}

describe('backup of a DBService', () => {
  it('passes preflight with a superuser and names what is wrong otherwise', async () => {
    const { session } = await openSession(one, map);
    expect((await session.preflight({})).problems).toEqual([]);
    const wrong = await openSession(one, { ...map, nothere: { service: 'X', owner: 'x' } });
    expect((await wrong.session.preflight({})).problems.map((problem) => problem.code)).toEqual(['E_SOURCE_PATH']);
    const noTools = await openSession(one, map, { instance: { binaries: '/nonexistent' } });
    expect((await noTools.session.preflight({})).problems.every((problem) => problem.code === 'E_PREFLIGHT')).toBe(true);
    const down = await openSession(one, map, { instance: { port: 1 } });
    expect((await down.session.preflight({})).problems.map((problem) => problem.code)).toEqual(['E_SOURCE_UNREACHABLE']);
    await one.sql('postgres', `CREATE ROLE weak LOGIN PASSWORD '${postgresPassword}' IN ROLE pg_read_all_data; GRANT CONNECT ON DATABASE hivemeta TO weak`);
    const weak = (await (await openSession(one, map, { instance: { user: 'weak' } })).session.preflight({})).problems;
    expect(weak.map((problem) => `${problem.severity} ${problem.code}`)).toEqual(['error E_SOURCE_DENIED']);
    expect(weak[0]!.message).toContain('meta.tbls');
    await one.sql('postgres', 'REVOKE pg_read_all_data FROM weak');
    await one.sql('oozie', 'GRANT SELECT ON jobs TO weak');
    const reader = await openSession(one, { oozie: map.oozie }, { instance: { user: 'weak' } });
    expect((await reader.session.preflight({})).problems.map((problem) => `${problem.severity} ${problem.code}`)).toEqual(['warning E_SOURCE_DENIED']);
    const set = await backup(reader.session, 'mrs-backup.weak');
    expect(set.content.get('globals.sql')!.toString()).not.toContain('SCRAM');
    expect(set.description.warnings.join()).toContain('role passwords could not be read');
    await one.sql('oozie', 'DROP OWNED BY weak; DROP ROLE weak');
    const { problems } = await (await openSession(one, map, { instance: { user: 'hive' } })).session.preflight({});
    expect(problems.map((problem) => problem.code)).toEqual(['E_SOURCE_DENIED']);
    expect(JSON.stringify(problems)).not.toContain(postgresPassword);
  });

  it('holds one point in time of all databases while they are written to', async () => {
    const { session } = await openSession(one, map);
    await one.sql('postgres', 'DROP DATABASE IF EXISTS load1'); await one.sql('postgres', 'CREATE DATABASE load1'); await one.sql('load1', 'CREATE TABLE t (n int)');
    const both = await openSession(one, { oozie: map.oozie, load1: { service: 'L', owner: 'postgres' } });
    const handle = await both.session.takeHandle('mrs-backup.load', {});
    for (const database of ['load1', 'oozie']) await one.sql(database, database === 'load1' ? 'INSERT INTO t SELECT generate_series(1, 1000)' : 'UPDATE jobs SET n = 1; INSERT INTO jobs SELECT i, 5 FROM generate_series(1, 77) i');
    expect(await both.session.takeHandle('mrs-backup.load', {})).toEqual(handle);
    const set = await copyAll(both.session, handle);
    await both.session.dropHandle('mrs-backup.load', {});
    const jobs = set.entries.find((entry) => entry.attributes['table'] === 'public.jobs')!;
    expect(set.content.get(jobs.key)!.toString()).toBe(`${Array.from({ length: 100 }, (_, i) => `${i + 1}\t0\n`).join('')}\\.\n\n\n`);
    expect(set.content.get(set.entries.find((entry) => entry.attributes['table'] === 'public.t')!.key)!.toString()).toBe('\\.\n\n\n');
    expect(set.description.inventory['databases']).toMatchObject([{ name: 'oozie', service: 'Oozie', rows: 100 }, { name: 'load1', rows: 0 }]);
    await one.sql('oozie', 'DELETE FROM jobs WHERE n = 5; UPDATE jobs SET n = 0');
    await session.dropHandle('mrs-backup.load', {});
  });

  it('lists its files in order and the same for an unchanged database', async () => {
    const opened = await openSession(one, map);
    const first = await backup(opened.session, 'mrs-backup.a');
    const second = await backup(opened.session, 'mrs-backup.b');
    const keys = first.entries.map((entry) => entry.key);
    expect(keys).toEqual([...keys].sort(compareKeys));
    expect(keys).toContain('globals.sql');
    const differing = first.entries.filter((entry, i) => second.entries[i]!.attributes['sha256'] !== entry.attributes['sha256']).map((entry) => entry.key);
    expect(differing.filter((key) => !key.endsWith('/toc.dat'))).toEqual([]);
    expect(await leftovers(opened)).toEqual([]);
  });

  it('loses its handle when the server ends the connection that holds it, and never dumps another moment', async () => {
    const { session } = await openSession(one, map);
    const handle = await session.takeHandle('mrs-backup.killed', {});
    expect(await session.listHandles({})).toEqual(['mrs-backup.killed']);
    await one.sql('postgres', `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mrs-backup/killed' AND datname = 'oozie'`);
    await expect(copyAll(session, handle)).rejects.toMatchObject({ code: 'E_HANDLE_LOST' });
    const again = await session.takeHandle('mrs-backup.killed', {});
    expect(again.data).not.toEqual(handle.data);
    expect((await copyAll(session, again)).entries.length).toBeGreaterThan(5);
    await session.dropHandle('mrs-backup.killed', {});
    expect(await session.listHandles({})).toEqual([]);
  });

  it('loses its handle when the server restarts, and goes on without the server once everything is dumped', async () => {
    const opened = await openSession(one, map);
    const handle = await opened.session.takeHandle('mrs-backup.restart', {});
    const dumped = await opened.session.takeHandle('mrs-backup.dumped', {});
    const set = await copyAll(opened.session, dumped);
    await one.down();
    await expect(copyAll(opened.session, handle)).rejects.toMatchObject({ code: 'E_SOURCE_UNREACHABLE' });
    const other = await openSession(one, map, { scratch: opened.scratch });
    expect((await copyAll(other.session, dumped)).entries).toEqual(set.entries);
    await one.up();
    await expect(copyAll(opened.session, handle)).rejects.toMatchObject({ code: 'E_HANDLE_LOST' });
    for (const name of ['mrs-backup.restart', 'mrs-backup.dumped']) await opened.session.dropHandle(name, {});
    expect(await leftovers(opened)).toEqual([]);
  }, 30_000);

  it('leaves the handle of the same name alone that another instance has on the same server', async () => {
    const hive = await openSession(one, { hivemeta: map.hivemeta });
    const oozie = await openSession(one, { oozie: map.oozie });
    const handle = await hive.session.takeHandle('mrs-backup.run', {});
    await oozie.session.dropHandle('mrs-backup.run', {});
    const other = await oozie.session.takeHandle('mrs-backup.run', {});
    expect((await copyAll(hive.session, handle)).entries.some(({ key }) => key.startsWith('databases/hivemeta/'))).toBe(true);
    expect((await copyAll(oozie.session, other)).entries.some(({ key }) => key.startsWith('databases/oozie/'))).toBe(true);
    for (const { session } of [hive, oozie]) await session.dropHandle('mrs-backup.run', {});
  });

  it('drops the handle of a worker that is gone', async () => {
    const dead = await openSession(one, map);
    await dead.session.takeHandle('mrs-backup.gone', {});
    const { session } = await openSession(one, map);
    expect(await session.listHandles({})).toEqual(['mrs-backup.gone']);
    await session.dropHandle('mrs-backup.gone', {});
    expect(await session.listHandles({})).toEqual([]);
  });

  it('says that a read is damaged, or its handle lost, when the scratch file changed', async () => {
    const opened = await openSession(one, map);
    const handle = await opened.session.takeHandle('mrs-backup.read', {});
    const { entries } = await copyAll(opened.session, handle);
    const entry = entries.find(({ attributes }) => attributes['table'] === 'meta.tbls')!;
    const read = async (changed: typeof entry): Promise<void> => { for await (const _ of opened.session.read(handle, changed, 3, 5)) void _; };
    await read(entry);
    await expect(read({ ...entry, length: entry.length + 1 })).rejects.toMatchObject({ code: 'E_CORRUPT' });
    await rm(join(opened.scratch, 'mrs-backup.read'), { recursive: true });
    await expect(read(entry)).rejects.toMatchObject({ code: 'E_HANDLE_LOST' });
    await opened.session.dropHandle('mrs-backup.read', {});
  });

  it('stops at once when told to, and leaves no dump behind', async () => {
    const { session } = await openSession(one, map);
    const handle = await session.takeHandle('mrs-backup.stop', {});
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('stopped')), 60);
    const plan = async (): Promise<void> => { for await (const _ of session.plan(handle, {}, undefined, () => undefined, stop.signal)) void _; };
    await expect(plan()).rejects.toThrow('stopped');
    expect((await copyAll(session, handle)).entries.length).toBeGreaterThan(5);
    await session.dropHandle('mrs-backup.stop', {});
  });
});

describe('restoration of a DBService', () => {
  let opened: Opened;
  let set: MemorySet;
  let rights: Record<string, unknown>;

  beforeAll(async () => {
    opened = await openSession(one, map);
    set = await backup(opened.session, 'mrs-backup.set');
    rights = (await one.sql('hivemeta', rightsSql))[0]!;
  }, 30_000);

  it('brings everything back beside the original', async () => {
    const target = targetOf(set, { mode: 'beside' });
    const plan = await opened.session.planRestore(target, { entries: 1, bytes: 1 });
    expect(plan.conflicts).toEqual([]);
    await restore(opened.session, set, target);
    await opened.session.finishRestore(target, () => undefined);
    expect(await databasesOn(one)).toContain('hivemeta_restored_r1');
    expect((await one.sql('hivemeta_restored_r1', rightsSql))[0]).toEqual(rights);
    expect(await differences(opened.session, set, target)).toEqual([]);
    await one.sql('hivemeta_restored_r1', `UPDATE meta.tbls SET name = 'x' WHERE id = 7`);
    expect(await differences(opened.session, set, { ...target })).toEqual([]);
    await opened.session.releaseRestore(target);
    expect((await differences(opened.session, set, target)).length).toBe(1);
    await opened.session.releaseRestore(target);
    expect(await one.sql('postgres', `SELECT shobj_description(oid, 'pg_database') AS c FROM pg_database WHERE datname = 'hivemeta_restored_r1'`)).toEqual([{ c: 'the metastore' }]);
    expect(await leftovers(opened)).toEqual([]);
    for (const name of ['hivemeta_restored_r1', 'oozie_restored_r1']) await one.sql('postgres', `DROP DATABASE ${name}`);
  }, 30_000);

  it('refuses, skips or replaces a database that exists', async () => {
    const mapping = { instances: {}, paths: [], databases: { oozie: 'taken' }, owners: {} };
    await one.sql('postgres', 'CREATE DATABASE taken'); await one.sql('taken', 'CREATE TABLE mine (i int)');
    const target = targetOf(set, { mapping, only: ['databases/oozie'], name: 'r2' });
    expect((await opened.session.planRestore(target, { entries: 1, bytes: 1 })).conflicts).toHaveLength(1);
    await expect(restore(opened.session, set, target)).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
    await restore(opened.session, set, { ...target, existing: 'skip' });
    expect(await one.sql('taken', 'SELECT * FROM mine')).toEqual([]);
    await restore(opened.session, set, { ...target, existing: 'force' });
    expect(await one.sql('taken', 'SELECT count(*)::int AS n FROM jobs')).toEqual([{ n: 100 }]);
    await opened.session.rollbackRestore(target);
    expect(await databasesOn(one)).toEqual(['hivemeta', 'load1', 'oozie']);
    expect(await leftovers(opened)).toEqual([]);
  }, 30_000);

  it('restores into a mirrored cluster under other database and owner names', async () => {
    const mirror = await openSession(two, { hive2: { service: 'Hive', owner: 'hive_m' } });
    await two.sql('postgres', `CREATE ROLE reader LOGIN PASSWORD 'kept'`);
    const before = await two.sql('postgres', `SELECT rolpassword FROM pg_authid WHERE rolname = 'reader'`);
    const target = targetOf(set, { mode: 'mirror', mapping: { instances: {}, paths: [], databases: { hivemeta: 'hive2' }, owners: { hive: 'hive m"x' } }, name: 'm1' });
    const plan = await mirror.session.planRestore(target, { entries: 1, bytes: 1 });
    expect(plan.conflicts).toEqual([]);
    expect(plan.losses.join()).toContain('will belong to omm');
    await restore(mirror.session, set, target);
    expect(await databasesOn(two)).toEqual(['hive2', 'oozie']);
    const there = (await two.sql('hive2', rightsSql))[0]!;
    expect(there['tbls']).toBe('hive m"x');
    // Rights are equal but for the names and the order that follows from them.
    const plain = (value: unknown): string => String(value).replaceAll(/[\\"]/g, '').replaceAll('hive mx', 'hive').replaceAll('omm', 'postgres').split(/[{},]/).sort().join();
    for (const name of Object.keys(rights)) expect(`${name}: ${plain(there[name])}`).toBe(`${name}: ${plain(rights[name])}`);
    expect(await differences(mirror.session, set, target)).toEqual([]);
    expect(await two.sql('postgres', `SELECT rolpassword FROM pg_authid WHERE rolname = 'reader'`)).toEqual(before);
    const login = await two.connect('hive2', 'hive m"x', 'hive-pw');
    expect((await login.query('SHOW work_mem')).rows).toEqual([{ work_mem: '6MB' }]);
    await login.end();
    await mirror.session.rollbackRestore(target);
    expect(await databasesOn(two)).toEqual([]);
    expect(await two.sql('postgres', `SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1`)).toEqual([{ rolname: 'omm' }, { rolname: 'reader' }]);
  }, 30_000);

  it('replaces databases in place with a way back, resumed or undone from every step of the swap', async () => {
    const target = targetOf(set, { mode: 'inPlace', name: 'p1' });
    const states = ['nothing', 'refused', 'half', 'both'] as const;
    for (const state of states) {
      for (const way of ['commit', 'rollback'] as const) {
        await one.sql('oozie', `CREATE TABLE IF NOT EXISTS later (i int)`);
        const user = await one.connect('oozie');
        await restore(opened.session, set, target);
        expect(await differences(opened.session, set, target)).toEqual([]);
        if (state === 'refused') await one.sql('postgres', 'ALTER DATABASE oozie ALLOW_CONNECTIONS false');
        if (state === 'half' || state === 'both') { await user.end(); await one.sql('postgres', 'ALTER DATABASE oozie RENAME TO oozie__before_p1'); await one.sql('postgres', 'ALTER DATABASE oozie__before_p1 ALLOW_CONNECTIONS false'); }
        if (state === 'both') await one.sql('postgres', 'ALTER DATABASE oozie__mrs_p1 RENAME TO oozie');
        if (way === 'commit') {
          expect(await opened.session.commitRestore(target)).toEqual({ safetyPoint: 'hivemeta__before_p1, oozie__before_p1' });
          expect(await opened.session.commitRestore(target)).toEqual({ safetyPoint: 'hivemeta__before_p1, oozie__before_p1' });
          expect(await one.sql('oozie', `SELECT to_regclass('later') AS t`)).toEqual([{ t: null }]);
          expect(await one.sql('oozie__before_p1', `SELECT to_regclass('later')::text AS t`)).toEqual([{ t: 'later' }]);
          expect((await one.sql('hivemeta', rightsSql))[0]).toEqual(rights);
        }
        await opened.session.rollbackRestore(target);
        await opened.session.rollbackRestore(target);
        await user.end().catch(() => undefined);
        expect(await databasesOn(one)).toEqual(['hivemeta', 'load1', 'oozie']);
        expect(await one.sql('oozie', `SELECT to_regclass('later')::text AS t`)).toEqual([{ t: 'later' }]);
        expect((await one.sql('hivemeta', rightsSql))[0]).toEqual(rights);
      }
    }
    expect(await leftovers(opened)).toEqual([]);
  }, 120_000);

  it('makes an unfinished load again, and touches no database that is another\'s', async () => {
    const target = targetOf(set, { name: 'u1', only: ['databases/oozie'] });
    await one.sql('postgres', 'CREATE DATABASE oozie_restored_u1__mrs_u1');
    await one.sql('oozie_restored_u1__mrs_u1', 'CREATE TABLE jobs (half int)');
    await one.sql('postgres', `COMMENT ON DATABASE oozie_restored_u1__mrs_u1 IS 'somebody else''s'`);
    await expect(restore(opened.session, set, target)).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
    await opened.session.rollbackRestore(target);
    expect(await databasesOn(one)).toContain('oozie_restored_u1__mrs_u1');
    await one.sql('postgres', `COMMENT ON DATABASE oozie_restored_u1__mrs_u1 IS 'mrs-backup restoring u1'`);
    await restore(opened.session, set, target);
    expect(await databasesOn(one)).toEqual(['hivemeta', 'load1', 'oozie', 'oozie_restored_u1']);
    expect(await differences(opened.session, set, { ...target })).toEqual(expect.arrayContaining([expect.stringContaining('hivemeta')]));
    await opened.session.rollbackRestore(target);
    expect(await databasesOn(one)).toEqual(['hivemeta', 'load1', 'oozie']);
  }, 30_000);

  it('refuses a set whose dump is incomplete, and leaves nothing of it', async () => {
    const target = targetOf(set, { name: 'd1' });
    const entries = set.entries.filter(({ attributes }) => attributes['table'] !== 'meta.tbls');
    await expect(restore(opened.session, { ...set, entries }, target)).rejects.toMatchObject({ code: 'E_CORRUPT' });
    const fewer = new Map([...set.content]);
    const rows = set.entries.find(({ attributes }) => attributes['table'] === 'meta.tbls')!;
    const cut = Buffer.from(fewer.get(rows.key)!.toString().replace(/^[^\n]*\n/, ''));
    fewer.set(rows.key, cut);
    const changed = set.entries.map((entry) => (entry === rows ? { ...entry, length: cut.length } : entry));
    await expect(restore(opened.session, { ...set, entries: changed, content: fewer }, target)).rejects.toMatchObject({ code: 'E_DIFFERENCES', message: expect.stringContaining('meta.tbls has 499 rows') as string });
    await opened.session.rollbackRestore(target);
    expect(await databasesOn(one)).toEqual(['hivemeta', 'load1', 'oozie']);
    expect(await leftovers(opened)).toEqual([]);
  }, 30_000);

  it('keeps hostile names of databases, tables and columns', async () => {
    for (const name of [hostile, longest]) {
      await one.sql('postgres', `CREATE DATABASE ${quoted(name)}`);
      await one.sql(name, `CREATE SCHEMA "s.x y"; CREATE TABLE "s.x y".${quoted(hostile)} (${quoted(hostile)} text, none int GENERATED ALWAYS AS (1) STORED); INSERT INTO "s.x y".${quoted(hostile)} VALUES (E'\\\\.'), (E'a\\nb'); CREATE TABLE nocolumns (); INSERT INTO nocolumns DEFAULT VALUES`);
    }
    const odd = await openSession(one, { [hostile]: { service: 'S', owner: 'postgres' }, [longest]: { service: 'S', owner: 'postgres' } });
    const oddSet = await backup(odd.session, 'mrs-backup.odd');
    const target = targetOf(oddSet, { name: '20261124t120000z-nightly' });
    await restore(odd.session, oddSet, target);
    expect(await differences(odd.session, oddSet, target)).toEqual([]);
    await odd.session.rollbackRestore(target);
    const swap = { ...target, mode: 'inPlace' } as const;
    await restore(odd.session, oddSet, swap);
    await odd.session.commitRestore(swap);
    await odd.session.releaseRestore(swap);
    expect(await one.sql(longest, `SELECT count(*)::int AS n FROM "s.x y".${quoted(hostile)}`)).toEqual([{ n: 2 }]);
    expect((await databasesOn(one)).length).toBe(7);
    await opened.session.dropHandle('mrs-backup.odd', {});
  }, 60_000);
});

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
