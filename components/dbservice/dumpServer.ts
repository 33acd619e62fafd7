import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { rename, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import type { Json } from '../../contracts/entry.ts';
import { Failure } from '../../contracts/failure.ts';
import type { DatabaseFacts } from './databaseFacts.ts';
import type { DumpFolder } from './dumpDatabase.ts';
import { digestFile, writeFileList } from './fileList.ts';
import type { PgAccess } from './pgConnection.ts';
import { serverVersion, withConnection } from './pgConnection.ts';
import { fixedRestrictKey, runTool } from './pgTools.ts';
import { databaseKey, pathOfKey, writeWhole } from './scratch.ts';

/** What is said of the server in the set, gathered while its roles are dumped. */
export interface ServerFacts {
  readonly version: string;
  readonly major: number;
  readonly bootstrapRole: string;
  readonly roles: readonly string[];
  readonly roleCount: number;
  readonly tablespaces: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
  readonly passwords: boolean;
  readonly standby: boolean;
}

export const globalsListPath = (folder: DumpFolder): string => join(folder.folder, 'globals.jsonl');

/** Whether the connected user may read the roles' password verifiers. */
export async function mayReadPasswords(access: PgAccess, application: string): Promise<boolean> {
  return withConnection(access, access.instance.database, application, async (client) => {
    const { rows } = await client.query<{ may: boolean }>(`SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS may`);
    return rows[0]?.may === true;
  });
}

async function readServerFacts(access: PgAccess, application: string, passwords: boolean): Promise<ServerFacts> {
  return withConnection(access, access.instance.database, application, async (client) => {
    const version = await serverVersion(client);
    const roles = (await client.query<{ rolname: string }>(`SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1`)).rows.map((row) => row.rolname);
    const spaces = (await client.query<{ spcname: string }>(`SELECT spcname FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY 1 LIMIT 1000`)).rows;
    const settings = (await client.query<{ name: string; setting: string }>(`SELECT name, setting FROM pg_settings WHERE name IN
      ('server_encoding', 'max_connections', 'TimeZone', 'default_tablespace', 'wal_level', 'data_checksums', 'lc_messages', 'shared_preload_libraries') ORDER BY 1`)).rows;
    const more = (await client.query<{ standby: boolean; bootstrap: string }>(`SELECT pg_is_in_recovery() AS standby, (SELECT rolname FROM pg_roles WHERE oid = 10) AS bootstrap`)).rows[0];
    return {
      version: version.text, major: version.major, bootstrapRole: more?.bootstrap ?? '', roles: roles.slice(0, 1000), roleCount: roles.length,
      tablespaces: spaces.map((row) => row.spcname), settings: Object.fromEntries(settings.map((row) => [row.name, row.setting])), passwords, standby: more?.standby === true,
    };
  });
}

/** Dumps roles and tablespaces as `globals.sql`, with the roles' password verifiers where they may be read, and what is said of the server. */
export async function dumpServer(access: PgAccess, target: DumpFolder, signal: AbortSignal | undefined): Promise<void> {
  const work = join(target.folder, 'work', randomUUID());
  try {
    await mkdir(work, { recursive: true, mode: 0o700 });
    await mkdir(join(target.folder, 'content'), { recursive: true, mode: 0o700 });
    const passwords = await mayReadPasswords(access, target.applicationName);
    await writeWhole(join(target.folder, 'server.json'), JSON.stringify(await readServerFacts(access, target.applicationName, passwords)));
    await runTool(access, 'pg_dumpall', {
      args: ['--globals-only', ...(passwords ? [] : ['--no-role-passwords']), ...(await fixedRestrictKey(access, 'pg_dumpall')), `--database=${access.instance.database}`],
      applicationName: target.applicationName, about: 'dump of the roles', signal,
      consume: (stdout: Readable) => pipeline(stdout, createWriteStream(join(work, 'globals.sql'), { mode: 0o600 })),
    });
    const path = join(target.folder, 'content', 'globals.sql');
    await rename(join(work, 'globals.sql'), path);
    await rm(work, { recursive: true, force: true });
    const { length, sha256 } = await digestFile(path, false, signal);
    await writeFileList(globalsListPath(target), {}, (async function* () { yield { key: 'globals.sql', length, sha256 }; })());
  } catch (error) {
    await rm(work, { recursive: true, force: true }).catch(() => undefined);
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new Failure('E_SOURCE_FULL', `no space for the dump of the roles in the scratch folder ${target.folder}`, { cause: error });
    throw error;
  }
}

/** Facts of a database as its dump in this folder says. `undefined`: there is none. */
export async function readFacts(folder: DumpFolder, database: string): Promise<DatabaseFacts | undefined> {
  const text = await readFile(pathOfKey(join(folder.folder, 'content'), `${databaseKey(database)}/database.json`), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as DatabaseFacts);
}

/** What a set says of its source, from the finished dumps of a handle: the server is not asked again. @throws Failure E_HANDLE_LOST when they are gone */
export async function describeDumps(folder: DumpFolder, databases: readonly string[], spreadMs: number): Promise<{ version: string; inventory: Record<string, Json>; warnings: string[]; openKeys: string[] }> {
  const server = await readFile(join(folder.folder, 'server.json'), 'utf8').then((text) => JSON.parse(text) as ServerFacts, () => undefined);
  if (!server) throw new Failure('E_HANDLE_LOST', `the dumps of this handle are not in ${folder.folder}`);
  const warnings: string[] = [];
  const inventory: Json[] = [];
  for (const database of databases) {
    const facts = await readFacts(folder, database);
    if (!facts) throw new Failure('E_HANDLE_LOST', `the dump of database ${database} is not in ${folder.folder}`);
    const unlogged = facts.tables.filter((table) => table.unlogged).length;
    if (unlogged > 0) warnings.push(`database ${database}: ${unlogged} unlogged tables; they are in the backup, but PostgreSQL empties them after a crash`);
    if (facts.largeObjects > 0) warnings.push(`database ${database}: ${facts.largeObjects} large objects are included`);
    if (facts.extensions.length > 0) warnings.push(`database ${database} needs the extensions ${facts.extensions.map((one) => `${one.name} ${one.version}`).join(', ')} on the server it is restored to`);
    if (facts.tablespace !== 'pg_default') warnings.push(`database ${database} lies in tablespace ${facts.tablespace}; where a server has none of that name it is restored into the default`);
    inventory.push({
      name: database, service: facts.service, owner: facts.owner, sizeBytes: facts.sizeBytes, encoding: facts.encoding, localeProvider: facts.localeProvider, collate: facts.collate,
      tables: facts.tables.length, rows: facts.tables.reduce((sum, table) => sum + table.rows, 0), largeObjects: facts.largeObjects,
      extensions: facts.extensions.map((one) => one.name), roles: facts.roles.slice(0, 1000).map((role) => role.name), tablespace: facts.tablespace,
    });
  }
  if (!server.passwords) warnings.push('role passwords could not be read: roles that a restoration creates have none until one is set');
  if (server.tablespaces.length > 0) warnings.push(`the server has tablespaces of its own (${server.tablespaces.join(', ').slice(0, 500)}); their definitions are in globals.sql and are not created by a restoration`);
  if (server.roleCount > server.roles.length) warnings.push(`only ${server.roles.length} of ${server.roleCount} roles are named here; globals.sql holds all`);
  if (spreadMs > 1000) warnings.push(`the databases' points in time are up to ${spreadMs} ms apart`);
  return {
    version: server.version,
    inventory: { major: server.major, bootstrapRole: server.bootstrapRole, databases: inventory, roles: [...server.roles], tablespaces: [...server.tablespaces], settings: server.settings, rolePasswords: server.passwords, spreadMs },
    warnings: warnings.slice(0, 1000), openKeys: [],
  };
}
