import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { Failure } from '../../contracts/failure.ts';
import type { SecretReader } from '../../contracts/secretReader.ts';
import type { DbserviceInstance } from './dbserviceInstance.ts';
import { pgFailure } from './pgFailure.ts';
import { sessionOptions } from './sessionOptions.ts';

/** A server and how to get into it. */
export interface PgAccess {
  readonly instance: DbserviceInstance;
  readonly readSecret: SecretReader;
}

/** How messages name the server. */
export function serverName(access: PgAccess): string {
  return `${access.instance.host}:${access.instance.port}`;
}

/** `"identifier"`, quoted for SQL. */
export const ident = (name: string): string => pg.escapeIdentifier(name);
/** `'literal'`, quoted for SQL. */
export const literal = (text: string): string => pg.escapeLiteral(text);

type Ssl = false | { rejectUnauthorized: boolean; ca?: string; checkServerIdentity?: () => undefined };

async function sslOf(instance: DbserviceInstance): Promise<Ssl> {
  const mode = instance.sslmode;
  if (mode === 'disable') return false;
  if (mode === 'prefer' || mode === 'require') return { rejectUnauthorized: false };
  const ca = instance.rootCertificate === undefined ? {} : { ca: await readFile(instance.rootCertificate, 'utf8') };
  return { rejectUnauthorized: true, ...ca, ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}) };
}

/**
 * Opens a connection that no timeout of the server ends. The caller ends it.
 * @throws Failure E_SOURCE_UNREACHABLE, E_SOURCE_DENIED, E_SOURCE_PATH (no such database), E_SECRET
 */
export async function openConnection(access: PgAccess, database: string, applicationName: string): Promise<pg.Client> {
  const { instance } = access;
  const password = await access.readSecret(instance.password);
  const open = async (ssl: Ssl): Promise<pg.Client> => {
    const client = new pg.Client({
      host: instance.host, port: instance.port, user: instance.user, password, database, ssl,
      application_name: applicationName, options: sessionOptions, connectionTimeoutMillis: 15_000, keepAlive: true, keepAliveInitialDelayMillis: 30_000,
    });
    // Without a listener a connection the server ends would end the worker.
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    return client;
  };
  try {
    const ssl = await sslOf(instance);
    const client = await open(ssl).catch((error: unknown) => {
      if (instance.sslmode === 'prefer' && error instanceof Error && /does not support SSL/i.test(error.message)) return open(false);
      throw error;
    });
    await client.query(`SELECT set_config(name, '0', false) FROM pg_settings
      WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')`);
    return client;
  } catch (error) {
    throw pgFailure(error, `database ${database} on ${serverName(access)}`);
  }
}

/** Runs `use` on a connection of its own and ends it. Whatever it throws comes as a Failure about `about`. */
export async function withConnection<Result>(access: PgAccess, database: string, applicationName: string, use: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = await openConnection(access, database, applicationName);
  try {
    return await use(client);
  } catch (error) {
    throw pgFailure(error, `database ${database} on ${serverName(access)}`);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Version of the server: as it says it, and its major number. */
export async function serverVersion(client: pg.Client): Promise<{ readonly text: string; readonly major: number }> {
  const { rows } = await client.query<{ text: string; number: string }>(`SELECT current_setting('server_version') AS text, current_setting('server_version_num') AS number`);
  const row = rows[0];
  if (!row) throw new Failure('E_INTERNAL', 'the server gave no version');
  return { text: row.text, major: Math.floor(Number(row.number) / 10_000) };
}
