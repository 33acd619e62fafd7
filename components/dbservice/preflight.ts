import { mkdir, statfs } from 'node:fs/promises';
import type { Problem } from '../../contracts/problem.ts';
import { Failure } from '../../contracts/failure.ts';
import type { PgAccess } from './pgConnection.ts';
import { serverName, serverVersion, withConnection } from './pgConnection.ts';
import { toolMajor, type PgTool } from './pgTools.ts';

/** Problems of the tools: missing, or older than the server, which they refuse. */
export async function checkTools(access: PgAccess, major: number, tools: readonly PgTool[]): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const tool of tools) {
    try {
      const version = await toolMajor(access, tool);
      if (version < major) problems.push({ severity: 'error', code: 'E_PREFLIGHT', message: `${tool} is of PostgreSQL ${version}, the server ${serverName(access)} of ${major}: a tool refuses a newer server`, hint: `install client tools of PostgreSQL ${major} or newer on the worker and name their folder as \`binaries\`` });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      problems.push({ severity: 'error', code: error.code, message: error.message, hint: error.hint });
    }
  }
  return problems;
}

interface Rights { readonly passwords: boolean; readonly standby: boolean }

async function checkDatabase(access: PgAccess, database: string): Promise<{ bytes: number; problems: Problem[] }> {
  try {
    return await withConnection(access, database, 'mrs-backup', async (client) => {
      const { rows } = await client.query<{ size: number; owner: string; unreadable: string | null }>(`SELECT pg_database_size(d.oid)::float8 AS size, pg_get_userbyid(d.datdba) AS owner,
        (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
            AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid)) ORDER BY 1 LIMIT 1) AS unreadable
        FROM pg_database d WHERE d.datname = current_database()`);
      const row = rows[0];
      const problems: Problem[] = [];
      if (row?.unreadable) problems.push({ severity: 'error', code: 'E_SOURCE_DENIED', message: `database ${database}: the user ${access.instance.user} may not read all of ${row.unreadable}`, hint: 'GRANT pg_read_all_data TO the user, and BYPASSRLS where tables have row-level security; or use a superuser' });
      const configured = access.instance.databases[database]?.owner;
      if (row && configured !== undefined && configured !== row.owner) problems.push({ severity: 'warning', code: 'E_CONFIG', message: `database ${database} is owned by ${row.owner}, the configuration says ${configured}`, hint: 'correct the owner in the configuration' });
      return { bytes: row?.size ?? 0, problems };
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const missing = error.code === 'E_SOURCE_PATH';
    return { bytes: 0, problems: [{ severity: 'error', code: error.code, message: missing ? `database ${database} does not exist on ${serverName(access)}` : error.message, hint: missing ? 'correct the `databases` of the service instance' : error.hint }] };
  }
}

/** Everything a backup of these databases needs: server, tools, rights, scratch space. Changes nothing. */
export async function checkBackup(access: PgAccess, databases: readonly string[], scratchFolder: string): Promise<{ readonly version: string; readonly problems: readonly Problem[] }> {
  const problems: Problem[] = [];
  let server: { text: string; major: number } & Rights;
  try {
    server = await withConnection(access, access.instance.database, 'mrs-backup', async (client) => {
      const { rows } = await client.query<Rights>(`SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS passwords, pg_is_in_recovery() AS standby`);
      return { ...(await serverVersion(client)), ...(rows[0] ?? { passwords: false, standby: false }) };
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { version: 'unknown', problems: [{ severity: 'error', code: error.code, message: error.message, hint: error.hint }] };
  }
  problems.push(...(await checkTools(access, server.major, ['pg_dump', 'pg_dumpall', 'pg_restore'])));
  let bytes = 0;
  for (const database of databases) {
    const found = await checkDatabase(access, database);
    bytes += found.bytes;
    problems.push(...found.problems);
  }
  if (!server.passwords) problems.push({ severity: 'warning', code: 'E_SOURCE_DENIED', message: `the user ${access.instance.user} may not read pg_authid: role passwords are not in the backup`, hint: 'use a superuser, or set the passwords after a restoration' });
  if (server.standby) problems.push({ severity: 'warning', code: 'E_PREFLIGHT', message: `${serverName(access)} is a standby: a conflict with recovery can end the dump`, hint: 'name the primary, or raise max_standby_streaming_delay' });
  const space = await mkdir(scratchFolder, { recursive: true, mode: 0o700 }).then(() => statfs(scratchFolder)).catch((error: NodeJS.ErrnoException) => error);
  if (space instanceof Error) problems.push({ severity: 'error', code: 'E_PREFLIGHT', message: `the scratch folder ${scratchFolder} cannot be used: ${space.code ?? space.message}`, hint: 'name a writable scratch folder for the worker' });
  else {
    const free = space.bavail * space.bsize;
    // A dump holds no indexes and no bloat, but text for binary values: about as large as the database, seldom less than half.
    if (free < bytes * 1.2) problems.push({ severity: free < bytes / 2 ? 'error' : 'warning', code: 'E_SOURCE_FULL', message: `the scratch folder ${scratchFolder} has ${free} bytes free for the dump of ${bytes} bytes of databases`, hint: 'make space there, or name a larger scratch folder for the worker' });
  }
  return { version: server.text, problems };
}
