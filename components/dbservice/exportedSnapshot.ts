import type pg from 'pg';
import type { Json } from '../../contracts/entry.ts';
import { Failure } from '../../contracts/failure.ts';
import type { Handle } from '../../contracts/handle.ts';
import type { PgAccess } from './pgConnection.ts';
import { openConnection, withConnection } from './pgConnection.ts';
import { pgFailure } from './pgFailure.ts';
import { digestOf } from './scratch.ts';

/** A point in time of one database, and the transaction that keeps it. */
export interface ExportedSnapshot {
  readonly database: string;
  readonly snapshot: string;
  /** Process of the server that holds it, and when that began: an identifier alone can come again after a restart. */
  readonly pid: number;
  readonly since: string;
}

/**
 * The application name connections of a handle have, so that leftovers are found on the server. At most 63 bytes, or it would be cut.
 * Handle names of runs begin with `mrs-backup.`; others are kept whole behind a mark.
 */
export function applicationName(handleName: string): string {
  const name = handleName.startsWith('mrs-backup.') ? `mrs-backup/${handleName.slice('mrs-backup.'.length)}` : `mrs-backup/~${handleName}`;
  return name.length <= 63 ? name : `${name.slice(0, 50)}~${digestOf(handleName, 12)}`;
}

/** The handle name behind an application name, `undefined` for another's connection. */
export function handleNameOf(application: string): string | undefined {
  if (!application.startsWith('mrs-backup/')) return undefined;
  const rest = application.slice('mrs-backup/'.length);
  return rest.startsWith('~') ? rest.slice(1) : `mrs-backup.${rest}`;
}

/** Open transactions that keep a point in time. Lives as long as the worker, or until the handle is dropped. */
export class HeldSnapshots implements AsyncDisposable {
  readonly handle: Handle;
  readonly #clients: readonly pg.Client[];
  #lost = false;

  constructor(handle: Handle, clients: readonly pg.Client[]) {
    this.handle = handle;
    this.#clients = clients;
    for (const client of clients) {
      client.on('error', () => { this.#lost = true; });
      client.on('end', () => { this.#lost = true; });
    }
  }

  /** Whether every one of the transactions is still there, asked of the server. */
  async live(): Promise<boolean> {
    if (this.#lost) return false;
    const answers = await Promise.allSettled(this.#clients.map((client) => client.query('SELECT 1')));
    return !this.#lost && answers.every((answer) => answer.status === 'fulfilled');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#clients.map((client) => client.end()));
  }
}

/**
 * Fixes the point in time of several databases. All connections are open before the first snapshot is taken, so the snapshots are
 * milliseconds apart whatever the network; PostgreSQL has no snapshot across databases. `data.spreadMs` says how far apart they may be.
 */
export async function exportSnapshots(access: PgAccess, name: string, databases: readonly string[]): Promise<HeldSnapshots> {
  const application = applicationName(name);
  const opened = await Promise.allSettled(databases.map((database) => openConnection(access, database, application)));
  const clients = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  try {
    const failed = opened.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    const took = await Promise.all(clients.map((client) => client.query<{ pid: number; since: string }>('SELECT pid, extract(epoch FROM backend_start)::text AS since FROM pg_stat_activity WHERE pid = pg_backend_pid()')));
    const begun = performance.now();
    const takenAt = new Date().toISOString();
    const snapshots = await Promise.all(clients.map(async (client) => {
      // One round trip: the transaction's snapshot is the one that is exported.
      const results = (await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot() AS id')) as unknown as pg.QueryResult<{ id: string }>[];
      return results[1]?.rows[0]?.id ?? '';
    }));
    const spreadMs = Math.round(performance.now() - begun);
    const list = databases.map((database, i): ExportedSnapshot => {
      const holder = took[i]?.rows[0];
      const snapshot = snapshots[i];
      if (!holder || !snapshot) throw new Failure('E_INTERNAL', `database ${database}: no snapshot was exported`);
      return { database, snapshot, pid: holder.pid, since: holder.since };
    });
    return new HeldSnapshots({ name, takenAt, data: { databases: list as unknown as Json, spreadMs } }, clients);
  } catch (error) {
    await Promise.allSettled(clients.map((client) => client.end()));
    throw pgFailure(error, `point in time ${name}`);
  }
}

/** The snapshots a handle names. @throws Failure E_HANDLE_LOST for a handle of something else */
export function snapshotsOf(handle: Handle): readonly ExportedSnapshot[] {
  const list = handle.data['databases'];
  if (!Array.isArray(list)) throw new Failure('E_HANDLE_LOST', `handle ${handle.name} names no databases`);
  return list as unknown as readonly ExportedSnapshot[];
}

/** Whether the transaction that exported a snapshot is still open on the server. @throws Failure E_SOURCE_UNREACHABLE */
export async function isHeld(access: PgAccess, snapshot: ExportedSnapshot): Promise<boolean> {
  return withConnection(access, access.instance.database, 'mrs-backup', async (client) => {
    const { rows } = await client.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND extract(epoch FROM backend_start)::text = $2 AND xact_start IS NOT NULL', [snapshot.pid, snapshot.since]);
    return rows.length > 0;
  });
}

/**
 * Ends every connection with the handle's application name to these databases, but those of `except`. Only to these: two instances
 * of the configuration may be databases of one server, and a run gives all of its handles one name.
 */
export async function endBackends(access: PgAccess, handleName: string, databases: readonly string[], except: readonly number[]): Promise<void> {
  await withConnection(access, access.instance.database, 'mrs-backup', async (client) => {
    await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid() AND datname = ANY($2::text[]) AND NOT pid = ANY($3::int[])', [applicationName(handleName), databases, except]);
  });
}
