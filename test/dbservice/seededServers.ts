import { readdir, rm } from 'node:fs/promises';
import { openSession, type Opened } from './backupAndRestore.ts';
import { PostgresServer } from './postgresServer.ts';

/** Two database servers of one test file's own: one with what the services keep, and one to restore into. */
export interface SeededServers extends AsyncDisposable {
  readonly one: PostgresServer;
  readonly two: PostgresServer;
  /** A session of the data source, whose scratch folder goes at the end. */
  openSession(...args: Parameters<typeof openSession>): Promise<Opened>;
}

/** The services' databases on the first server. */
export const seededDatabases = { hivemeta: { service: 'Hive', owner: 'hive' }, oozie: { service: 'Oozie', owner: 'oozie' } };

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
  CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing; CREATE USER MAPPING FOR hive SERVER elsewhere OPTIONS (who 'x');
  ALTER TABLE meta.tbls ENABLE ROW LEVEL SECURITY; CREATE POLICY seen ON meta.tbls FOR SELECT TO reader, hive USING (true);
  ALTER DEFAULT PRIVILEGES FOR ROLE hive IN SCHEMA meta GRANT SELECT ON TABLES TO reader;
  SELECT lo_from_bytea(77001, 'a large object'); ALTER LARGE OBJECT 77001 OWNER TO hive; GRANT SELECT ON LARGE OBJECT 77001 TO reader;`;

async function seed(server: PostgresServer): Promise<void> {
  await server.sql('postgres', `SET client_min_messages = error; CREATE ROLE hive LOGIN PASSWORD 'hive-pw'; CREATE ROLE auditor NOLOGIN; CREATE ROLE reader; CREATE ROLE oozie LOGIN; GRANT reader TO auditor; ALTER ROLE hive SET work_mem TO '5MB'`);
  await server.sql('postgres', 'CREATE DATABASE hivemeta OWNER hive');
  await server.sql('postgres', 'CREATE DATABASE oozie OWNER oozie');
  await server.sql('hivemeta', hiveSql);
  await server.sql('postgres', `REVOKE CONNECT ON DATABASE hivemeta FROM PUBLIC; GRANT CONNECT ON DATABASE hivemeta TO reader; ALTER DATABASE hivemeta SET search_path TO meta, public; ALTER ROLE hive IN DATABASE hivemeta SET work_mem TO '6MB'; ALTER DATABASE hivemeta CONNECTION LIMIT 50; COMMENT ON DATABASE hivemeta IS 'the metastore'`);
  await server.sql('oozie', `CREATE TABLE jobs (id int, n int); INSERT INTO jobs SELECT i, 0 FROM generate_series(1, 100) i`);
}

export async function startSeededServers(): Promise<SeededServers> {
  const [one, two] = await Promise.all([PostgresServer.start(), PostgresServer.start('omm')]);
  const scratchFolders: string[] = [];
  await seed(one);
  return {
    one, two,
    async openSession(...args) {
      const opened = await openSession(...args);
      scratchFolders.push(opened.scratch);
      return opened;
    },
    async [Symbol.asyncDispose]() {
      await one[Symbol.asyncDispose]();
      await two[Symbol.asyncDispose]();
      for (const folder of scratchFolders) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What a session has in its scratch folder. */
export async function scratchOf(opened: Opened): Promise<string[]> {
  return await readdir(opened.scratch);
}
