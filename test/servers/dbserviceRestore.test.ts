import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backup, differences, restore, targetOf, type MemorySet, type Opened } from '../dbservice/backupAndRestore.ts';
import type { PostgresServer } from '../dbservice/postgresServer.ts';
import { scratchOf, seededDatabases, startSeededServers, type SeededServers } from '../dbservice/seededServers.ts';

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

let servers: SeededServers;
let one: PostgresServer;
let two: PostgresServer;
let openSession: SeededServers['openSession'];

beforeAll(async () => {
  servers = await startSeededServers();
  ({ one, two, openSession } = servers);
}, 60_000);
afterAll(async () => await servers?.[Symbol.asyncDispose]());

async function databasesOn(server: PostgresServer): Promise<unknown[]> {
  return (await server.sql('postgres', `SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1') ORDER BY datname COLLATE "C"`)).map((row) => row['datname']);
}

describe('restoration of a DBService', () => {
  let opened: Opened;
  let set: MemorySet;
  let rights: Record<string, unknown>;

  beforeAll(async () => {
    opened = await openSession(one, seededDatabases);
    set = await backup(opened.session, 'mrs-backup.set');
    rights = (await one.sql('hivemeta', rightsSql))[0]!;
  }, 30_000);

  it('is not misled by settings of a database: its time zone, its way to quote, its time limit, that it only may be read', async () => {
    await one.sql('postgres', 'CREATE DATABASE peculiar');
    await one.sql('peculiar', `CREATE TABLE t (id int, body bytea, at timestamptz); INSERT INTO t VALUES (1, '\\xff00', '2024-06-01 12:00Z')`);
    const settings = ["TimeZone = 'Asia/Tokyo'", "DateStyle = 'German'", "bytea_output = 'escape'", 'quote_all_identifiers = on', 'standard_conforming_strings = off', 'default_transaction_read_only = on', 'statement_timeout = 1', "search_path = ''"];
    for (const setting of settings) await one.sql('postgres', `ALTER DATABASE peculiar SET ${setting}`);
    const { session } = await openSession(one, { peculiar: { service: 'P', owner: 'postgres' } });
    expect((await session.preflight({})).problems).toEqual([]);
    const peculiar = await backup(session, 'mrs-backup.peculiar');
    const target = targetOf(peculiar, { name: 'p1' });
    await restore(session, peculiar, target);
    expect(await differences(session, peculiar, target)).toEqual([]);
    await session.releaseRestore(target);
    const [{ settings: kept }] = (await one.sql('postgres', `SELECT array_length(setconfig, 1) AS settings FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = 'peculiar_restored_p1')`)) as [{ settings: number }];
    expect(kept).toBe(settings.length);
    for (const name of ['peculiar', 'peculiar_restored_p1']) await one.sql('postgres', `DROP DATABASE ${name}`);
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
    expect(await scratchOf(opened)).toEqual([]);
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
    expect(await databasesOn(one)).toEqual(['hivemeta', 'oozie']);
    expect(await scratchOf(opened)).toEqual([]);
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
        expect(await databasesOn(one)).toEqual(['hivemeta', 'oozie']);
        expect(await one.sql('oozie', `SELECT to_regclass('later')::text AS t`)).toEqual([{ t: 'later' }]);
        expect((await one.sql('hivemeta', rightsSql))[0]).toEqual(rights);
      }
    }
    expect(await scratchOf(opened)).toEqual([]);
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
    expect(await databasesOn(one)).toEqual(['hivemeta', 'oozie', 'oozie_restored_u1']);
    expect(await differences(opened.session, set, { ...target })).toEqual(expect.arrayContaining([expect.stringContaining('hivemeta')]));
    await opened.session.rollbackRestore(target);
    expect(await databasesOn(one)).toEqual(['hivemeta', 'oozie']);
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
    expect(await databasesOn(one)).toEqual(['hivemeta', 'oozie']);
    expect(await scratchOf(opened)).toEqual([]);
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
    expect((await databasesOn(one)).length).toBe(6);
    await opened.session.dropHandle('mrs-backup.odd', {});
  }, 60_000);
});

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
