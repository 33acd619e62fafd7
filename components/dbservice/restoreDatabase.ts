import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { Failure } from '../../contracts/failure.ts';
import { countRows, type DatabaseFacts } from './databaseFacts.ts';
import { databaseState, dropDatabase, isMarked, markDatabase, markText } from './databaseState.ts';
import type { PgAccess } from './pgConnection.ts';
import { ident, literal, withConnection } from './pgConnection.ts';
import { databaseArgument, runTool, toolMajor, toolText } from './pgTools.ts';
import type { RestoredDatabase } from './restoreNames.ts';
import { applyRights, type RoleMap } from './restoreRoles.ts';

export interface LoadOrder {
  readonly targetName: string;
  readonly database: RestoredDatabase;
  readonly facts: DatabaseFacts;
  /** Folder of the directory-format dump. */
  readonly dump: string;
  readonly map: RoleMap;
  readonly applicationName: string;
}

const separated = new Set(['local_preload_libraries', 'search_path', 'session_preload_libraries', 'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories']);

/** The value of a setting as SQL. Lists are kept by the server with their quotes, which are taken apart as pg_dump does. */
function settingValue(name: string, value: string): string {
  if (!separated.has(name.toLowerCase())) return literal(value);
  const items = [...value.matchAll(/"((?:[^"]|"")*)"|([^,\s]+)/g)].map(([, quoted, bare]) => literal(quoted === undefined ? (bare ?? '') : quoted.replaceAll('""', '"')));
  return items.length === 0 ? literal('') : items.join(', ');
}

async function createDatabase(client: pg.Client, major: number, order: LoadOrder): Promise<void> {
  const { facts, database, map } = order;
  const options = [`OWNER ${ident(map(facts.owner))}`, 'TEMPLATE template0', `ENCODING ${literal(facts.encoding)}`, `LC_COLLATE ${literal(facts.collate)}`, `LC_CTYPE ${literal(facts.ctype)}`];
  if (major >= 15) {
    options.push(`LOCALE_PROVIDER ${facts.localeProvider}`);
    if (facts.localeProvider === 'icu' && facts.locale !== null) options.push(`ICU_LOCALE ${literal(facts.locale)}`);
    if (facts.localeProvider === 'builtin' && facts.locale !== null) options.push(`BUILTIN_LOCALE ${literal(facts.locale)}`);
    if (major >= 16 && facts.icuRules !== null) options.push(`ICU_RULES ${literal(facts.icuRules)}`);
  }
  const space = await client.query('SELECT 1 FROM pg_tablespace WHERE spcname = $1', [facts.tablespace]);
  if (facts.tablespace !== 'pg_default' && space.rows.length > 0) options.push(`TABLESPACE ${ident(facts.tablespace)}`);
  try {
    await client.query(`CREATE DATABASE ${ident(database.work)} WITH ${options.join(' ')}`);
  } catch (error) {
    if (/locale|encoding|collat/i.test((error as Error).message)) {
      throw new Failure('E_PREFLIGHT', `database ${database.final} cannot be created with encoding ${facts.encoding} and locale ${facts.locale ?? facts.collate}: ${(error as Error).message}`, { hint: 'install that locale on the server of the target', cause: error });
    }
    throw error;
  }
  await markDatabase(client, database.work, markText('restoring', order.targetName));
}

async function applyDatabaseRights(client: pg.ClientBase, order: LoadOrder, roles: ReadonlySet<string>): Promise<void> {
  const { facts, database, map } = order;
  const name = ident(database.work);
  if (facts.grants !== null) {
    await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    await client.query(`REVOKE ALL ON DATABASE ${name} FROM ${ident(map(facts.owner))}`);
    for (const grant of facts.grants) {
      if (!['CREATE', 'CONNECT', 'TEMPORARY', 'TEMP'].includes(grant.privilege)) throw new Failure('E_FORMAT', `database ${facts.database}: unknown right ${grant.privilege}`);
      await client.query(`GRANT ${grant.privilege} ON DATABASE ${name} TO ${grant.grantee === '' ? 'PUBLIC' : ident(map(grant.grantee))}${grant.grantable ? ' WITH GRANT OPTION' : ''}`);
    }
  }
  if (facts.connectionLimit >= 0) await client.query(`ALTER DATABASE ${name} CONNECTION LIMIT ${Number(facts.connectionLimit)}`);
  for (const { role, setting } of facts.settings) {
    const split = setting.indexOf('=');
    const option = setting.slice(0, split);
    const value = settingValue(option, setting.slice(split + 1));
    const parameter = option.split('.').map(ident).join('.');
    if (role === null) await client.query(`ALTER DATABASE ${name} SET ${parameter} TO ${value}`);
    else if (roles.has(map(role))) await client.query(`ALTER ROLE ${ident(map(role))} IN DATABASE ${name} SET ${parameter} TO ${value}`);
  }
}

/** Loads the dump; where roles have other names, first without owners and rights, then these with the names of the target. */
async function loadDump(access: PgAccess, order: LoadOrder, major: number, signal: AbortSignal | undefined): Promise<void> {
  const { database, facts, dump, map } = order;
  const about = `restoration of database ${database.final}`;
  // pg_restore 17 and newer begins with a setting that older servers do not know; nothing else may go wrong there.
  const older = major < 17 && (await toolMajor(access, 'pg_restore')) >= 17;
  const tool = { about, applicationName: order.applicationName, signal, ...(older ? { tolerates: /unrecognized configuration parameter "transaction_timeout"/ } : {}) };
  const stopping = older ? [] : ['--exit-on-error'];
  const into = databaseArgument(database.work);
  const roles = new Set([facts.owner, facts.bootstrapRole, ...facts.roles.map((role) => role.name), ...facts.tables.map((table) => table.owner)]);
  if ([...roles].every((role) => map(role) === role)) {
    await runTool(access, 'pg_restore', { ...tool, args: ['--format=directory', ...stopping, into, dump] });
    return;
  }
  const lists = await mkdtemp(join(dump, '..', 'lists-'));
  try {
    const lines = (await toolText(access, 'pg_restore', { about, signal, args: ['--list', dump] })).split('\n');
    // These name roles in their own text: they are run below, with the names of the target.
    const naming = /^\d+; \d+ \d+ (ACL|DEFAULT ACL|POLICY|USER MAPPING) /;
    const rows = /^\d+; \d+ \d+ (TABLE DATA|BLOBS|SEQUENCE SET|MATERIALIZED VIEW DATA) /;
    await writeFile(join(lists, 'objects'), lines.filter((line) => !naming.test(line)).join('\n'));
    await writeFile(join(lists, 'rights'), lines.filter((line) => !rows.test(line)).join('\n'));
    await runTool(access, 'pg_restore', { ...tool, args: ['--format=directory', ...stopping, '--no-owner', '--no-privileges', `--use-list=${join(lists, 'objects')}`, into, dump] });
    const script = await toolText(access, 'pg_restore', { about, signal, args: [`--use-list=${join(lists, 'rights')}`, '--file=-', dump] });
    await withConnection(access, database.work, order.applicationName, (client) => applyRights(client, script, map));
  } finally {
    await rm(lists, { recursive: true, force: true });
  }
}

/** Compares row counts and owners of every table with what the set says. @throws Failure E_DIFFERENCES */
async function checkTables(access: PgAccess, order: LoadOrder, signal: AbortSignal | undefined): Promise<void> {
  const { facts, database, map } = order;
  await withConnection(access, database.work, order.applicationName, async (client) => {
    await client.query('SET row_security = off');
    const { rows } = await client.query<{ name: string; owner: string }>(`SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, pg_get_userbyid(c.relowner) AS owner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'`);
    const owners = new Map(rows.map((row) => [row.name, row.owner]));
    for (const table of facts.tables) {
      signal?.throwIfAborted();
      const owner = owners.get(table.name);
      if (owner === undefined) throw new Failure('E_DIFFERENCES', `database ${database.final}: table ${table.name} is missing after the restoration`);
      if (owner !== map(table.owner)) throw new Failure('E_DIFFERENCES', `database ${database.final}: table ${table.name} belongs to ${owner} after the restoration, not to ${map(table.owner)}`);
      const count = await countRows(client, table.name);
      if (count !== table.rows) throw new Failure('E_DIFFERENCES', `database ${database.final}: table ${table.name} has ${count} rows after the restoration, the set says ${table.rows}`);
    }
    await client.query('ANALYZE');
  });
}

/**
 * Loads one database under its working name, complete with owners, rights and settings, and checks it. Done already is done;
 * what an earlier attempt left unfinished is dropped and made again.
 */
export async function loadDatabase(access: PgAccess, order: LoadOrder, major: number, signal: AbortSignal | undefined): Promise<void> {
  const { database, targetName } = order;
  const maintenance = access.instance.database;
  const finished = await withConnection(access, maintenance, order.applicationName, async (client) => {
    const state = await databaseState(client, database.work);
    if (isMarked(state, 'restored', targetName)) return true;
    // A crash between CREATE DATABASE and its comment leaves none: the name alone is ours, for it carries the restoration.
    if (state && state.comment !== null && !isMarked(state, 'restoring', targetName)) throw new Failure('E_TARGET_EXISTS', `database ${database.work} exists and is not of this restoration`, { hint: 'drop or rename it' });
    await dropDatabase(client, database.work);
    await createDatabase(client, major, order);
    return false;
  });
  if (finished) return;
  await loadDump(access, order, major, signal);
  await checkTables(access, order, signal);
  await withConnection(access, maintenance, order.applicationName, async (client) => {
    const { rows } = await client.query<{ rolname: string }>('SELECT rolname FROM pg_roles');
    await applyDatabaseRights(client, order, new Set(rows.map((row) => row.rolname)));
    await markDatabase(client, database.work, markText('restored', targetName));
  });
}
