import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { backup, copyAll } from '../dbservice/backupAndRestore.ts';
import { postgresPassword, type PostgresServer } from '../dbservice/postgresServer.ts';
import { scratchOf, seededDatabases, startSeededServers, type SeededServers } from '../dbservice/seededServers.ts';

let servers: SeededServers;
let one: PostgresServer;
let openSession: SeededServers['openSession'];

beforeAll(async () => {
  servers = await startSeededServers();
  ({ one, openSession } = servers);
}, 60_000);
afterAll(async () => await servers?.[Symbol.asyncDispose]());

describe('backup of a DBService', () => {
  it('passes preflight with a superuser and names what is wrong otherwise', async () => {
    const { session } = await openSession(one, seededDatabases);
    expect((await session.preflight({})).problems).toEqual([]);
    const wrong = await openSession(one, { ...seededDatabases, nothere: { service: 'X', owner: 'x' } });
    expect((await wrong.session.preflight({})).problems.map((problem) => problem.code)).toEqual(['E_SOURCE_PATH']);
    const noTools = await openSession(one, seededDatabases, { instance: { binaries: '/nonexistent' } });
    expect((await noTools.session.preflight({})).problems.every((problem) => problem.code === 'E_PREFLIGHT')).toBe(true);
    const down = await openSession(one, seededDatabases, { instance: { port: 1 } });
    expect((await down.session.preflight({})).problems.map((problem) => problem.code)).toEqual(['E_SOURCE_UNREACHABLE']);
    await one.sql('postgres', `CREATE ROLE weak LOGIN PASSWORD '${postgresPassword}' IN ROLE pg_read_all_data; GRANT CONNECT ON DATABASE hivemeta TO weak`);
    const weak = (await (await openSession(one, seededDatabases, { instance: { user: 'weak' } })).session.preflight({})).problems;
    expect(weak.map((problem) => `${problem.severity} ${problem.code}`)).toEqual(['error E_SOURCE_DENIED']);
    expect(weak[0]!.message).toContain('meta.tbls');
    await one.sql('postgres', 'REVOKE pg_read_all_data FROM weak');
    await one.sql('oozie', 'GRANT SELECT ON jobs TO weak');
    const reader = await openSession(one, { oozie: seededDatabases.oozie }, { instance: { user: 'weak' } });
    expect((await reader.session.preflight({})).problems.map((problem) => `${problem.severity} ${problem.code}`)).toEqual(['warning E_SOURCE_DENIED']);
    const set = await backup(reader.session, 'mrs-backup.weak');
    expect(set.content.get('globals.sql')!.toString()).not.toContain('SCRAM');
    expect(set.description.warnings.join()).toContain('role passwords could not be read');
    await one.sql('oozie', 'DROP OWNED BY weak; DROP ROLE weak');
    const { problems } = await (await openSession(one, seededDatabases, { instance: { user: 'hive' } })).session.preflight({});
    expect(problems.map((problem) => problem.code)).toEqual(['E_SOURCE_DENIED']);
    expect(JSON.stringify(problems)).not.toContain(postgresPassword);
  });

  it('holds one point in time of all databases while they are written to', async () => {
    const { session } = await openSession(one, seededDatabases);
    await one.sql('postgres', 'DROP DATABASE IF EXISTS load1'); await one.sql('postgres', 'CREATE DATABASE load1'); await one.sql('load1', 'CREATE TABLE t (n int)');
    const both = await openSession(one, { oozie: seededDatabases.oozie, load1: { service: 'L', owner: 'postgres' } });
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
    const opened = await openSession(one, seededDatabases);
    const first = await backup(opened.session, 'mrs-backup.a');
    const second = await backup(opened.session, 'mrs-backup.b');
    const keys = first.entries.map((entry) => entry.key);
    expect(keys).toEqual([...keys].sort(compareKeys));
    expect(keys).toContain('globals.sql');
    const differing = first.entries.filter((entry, i) => second.entries[i]!.attributes['sha256'] !== entry.attributes['sha256']).map((entry) => entry.key);
    expect(differing.filter((key) => !key.endsWith('/toc.dat'))).toEqual([]);
    expect(await scratchOf(opened)).toEqual([]);
  });

  it('loses its handle when the server ends the connection that holds it, and never dumps another moment', async () => {
    const { session } = await openSession(one, seededDatabases);
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
    const opened = await openSession(one, seededDatabases);
    const handle = await opened.session.takeHandle('mrs-backup.restart', {});
    const dumped = await opened.session.takeHandle('mrs-backup.dumped', {});
    const set = await copyAll(opened.session, dumped);
    await one.down();
    await expect(copyAll(opened.session, handle)).rejects.toMatchObject({ code: 'E_SOURCE_UNREACHABLE' });
    const other = await openSession(one, seededDatabases, { scratch: opened.scratch });
    expect((await copyAll(other.session, dumped)).entries).toEqual(set.entries);
    await one.up();
    await expect(copyAll(opened.session, handle)).rejects.toMatchObject({ code: 'E_HANDLE_LOST' });
    for (const name of ['mrs-backup.restart', 'mrs-backup.dumped']) await opened.session.dropHandle(name, {});
    expect(await scratchOf(opened)).toEqual([]);
  }, 30_000);

  it('leaves the handle of the same name alone that another instance has on the same server', async () => {
    const hive = await openSession(one, { hivemeta: seededDatabases.hivemeta });
    const oozie = await openSession(one, { oozie: seededDatabases.oozie });
    const handle = await hive.session.takeHandle('mrs-backup.run', {});
    await oozie.session.dropHandle('mrs-backup.run', {});
    const other = await oozie.session.takeHandle('mrs-backup.run', {});
    expect((await copyAll(hive.session, handle)).entries.some(({ key }) => key.startsWith('databases/hivemeta/'))).toBe(true);
    expect((await copyAll(oozie.session, other)).entries.some(({ key }) => key.startsWith('databases/oozie/'))).toBe(true);
    for (const { session } of [hive, oozie]) await session.dropHandle('mrs-backup.run', {});
  });

  it('drops the handle of a worker that is gone', async () => {
    const dead = await openSession(one, seededDatabases);
    await dead.session.takeHandle('mrs-backup.gone', {});
    const { session } = await openSession(one, seededDatabases);
    expect(await session.listHandles({})).toEqual(['mrs-backup.gone']);
    await session.dropHandle('mrs-backup.gone', {});
    expect(await session.listHandles({})).toEqual([]);
  });

  it('says that a read is damaged, or its handle lost, when the scratch file changed', async () => {
    const opened = await openSession(one, seededDatabases);
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
    const { session } = await openSession(one, seededDatabases);
    const handle = await session.takeHandle('mrs-backup.stop', {});
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('stopped')), 60);
    const plan = async (): Promise<void> => { for await (const _ of session.plan(handle, {}, undefined, () => undefined, stop.signal)) void _; };
    await expect(plan()).rejects.toThrow('stopped');
    expect((await copyAll(session, handle)).entries.length).toBeGreaterThan(5);
    await session.dropHandle('mrs-backup.stop', {});
  });
});
