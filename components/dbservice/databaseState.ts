import type pg from 'pg';
import { Failure } from '../../contracts/failure.ts';
import { ident, literal } from './pgConnection.ts';

/** What the comment on a database says of the restoration that made it. */
export type RestoreMark = 'restoring' | 'restored';

export const markText = (mark: RestoreMark, targetName: string): string => `mrs-backup ${mark} ${targetName}`;

export interface DatabaseState {
  readonly name: string;
  readonly comment: string | null;
  readonly allowsConnections: boolean;
}

/** The database of that name as it is on the server now; `undefined` when there is none. */
export async function databaseState(client: pg.ClientBase, name: string): Promise<DatabaseState | undefined> {
  const { rows } = await client.query<DatabaseState>(`SELECT datname AS name, shobj_description(oid, 'pg_database') AS comment, datallowconn AS "allowsConnections" FROM pg_database WHERE datname = $1`, [name]);
  return rows[0];
}

export const isMarked = (state: DatabaseState | undefined, mark: RestoreMark, targetName: string): boolean => state?.comment === markText(mark, targetName);

export async function markDatabase(client: pg.ClientBase, name: string, comment: string | null): Promise<void> {
  await client.query(`COMMENT ON DATABASE ${ident(name)} IS ${comment === null ? 'NULL' : literal(comment)}`);
}

export async function allowConnections(client: pg.ClientBase, name: string, allow: boolean): Promise<void> {
  await client.query(`ALTER DATABASE ${ident(name)} WITH ALLOW_CONNECTIONS ${allow}`);
}

/** Ends every connection to these databases and waits, 10 s at most, until they are gone. */
export async function endConnections(client: pg.ClientBase, names: readonly string[]): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const { rows } = await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY($1::text[]) AND pid <> pg_backend_pid()', [names]);
    if (rows.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Failure('E_BUSY', `connections to ${names.join(', ')} do not end`, { hint: 'end the sessions that hold the database (SELECT * FROM pg_stat_activity) and try again' });
}

/** Drops a database and whoever is connected to it. Missing is done. */
export async function dropDatabase(client: pg.ClientBase, name: string): Promise<void> {
  if (!(await databaseState(client, name))) return;
  await allowConnections(client, name, false);
  await endConnections(client, [name]);
  await client.query(`DROP DATABASE IF EXISTS ${ident(name)}`);
}

/**
 * Renames databases in one transaction: all of it happens or none. Nobody can connect meanwhile; connections there are ended first.
 * All of the databases accept connections after it.
 */
export async function renameDatabases(client: pg.ClientBase, renames: readonly { readonly from: string; readonly to: string }[]): Promise<void> {
  if (renames.length === 0) return;
  const before = renames.map(({ from }) => from);
  try {
    for (const name of before) await allowConnections(client, name, false);
    await endConnections(client, before);
    await client.query('BEGIN');
    for (const { from, to } of renames) await client.query(`ALTER DATABASE ${ident(from)} RENAME TO ${ident(to)}`);
    for (const { to } of renames) await allowConnections(client, to, true);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    for (const name of before) await allowConnections(client, name, true).catch(() => undefined);
    throw error;
  }
}
