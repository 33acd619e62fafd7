import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { randomUUID } from 'node:crypto';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { Failure } from '../../contracts/failure.ts';
import type { DatabaseFacts } from './databaseFacts.ts';
import { readDatabaseFacts } from './databaseFacts.ts';
import { digestFile, writeFileList, type DumpedFile } from './fileList.ts';
import type { PgAccess } from './pgConnection.ts';
import { withConnection } from './pgConnection.ts';
import { isLostSnapshot } from './pgFailure.ts';
import { databaseArgument, fixedRestrictKey, runTool, toolText } from './pgTools.ts';
import { renameRoles } from './sqlStatements.ts';
import { databaseKey, pathOfKey, segmentOf, writeWhole } from './scratch.ts';

/** Where dumps of a handle or a comparison lie. */
export interface DumpFolder {
  /** `content/<key>` are the files, `done/<database>.jsonl` the lists of what is complete, `work/` what is not. */
  readonly folder: string;
  readonly applicationName: string;
}

export interface DumpOrder {
  readonly database: string;
  readonly service: string;
  /** Dump in this exported snapshot; without it, as the database is now. */
  readonly snapshot?: string;
  /** The key of its files names this database: another than the dumped one when a restored database is compared. */
  readonly keyedAs: string;
  /** Write these names instead of the roles' own into `schema.sql`, so that it compares with that of other role names. */
  readonly roleNames?: (role: string) => string;
}

/** How long a dump stands in the queue for a table that somebody holds exclusively; nothing is dumped by then, and it queues again after a pause. */
const lockWaitMs = 10_000;

export const listPath = (folder: DumpFolder, database: string): string => join(folder.folder, 'done', `${segmentOf(database)}.jsonl`);

/** Drops the lines of a script's head and foot that depend on the versions of server and tool: they say nothing of the schema. */
function withoutVersions(): Transform {
  const headEnd = "\nSELECT pg_catalog.set_config('search_path'";
  const foot = /\n\\unrestrict [^\n]*\n/;
  const cleaned = (text: string): string => text.replace(/^(-- Dumped (from database|by pg_dump) version .*|\\restrict .*|SET transaction_timeout = 0;)\n/gm, '');
  let inHead = true;
  let kept = '';
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      kept += chunk.toString('latin1');
      if (inHead) {
        const end = kept.indexOf(headEnd);
        if (end < 0 && kept.length < 65_536) return done();
        kept = end < 0 ? kept : cleaned(kept.slice(0, end + 1)) + kept.slice(end + 1);
        inHead = false;
      }
      const out = kept.slice(0, -1024);
      kept = kept.slice(-1024);
      done(null, Buffer.from(out, 'latin1'));
    },
    flush(done) {
      const last = kept.lastIndexOf('\n\\unrestrict ');
      done(null, Buffer.from(last < 0 ? kept : kept.slice(0, last) + kept.slice(last).replace(foot, '\n'), 'latin1'));
    },
  });
}

/** Makes what a schema says of roles comparable: see `renameRoles`. Byte for byte in every encoding, so read as Latin-1. */
async function settleRoleNames(path: string, roleNames: ((role: string) => string) | undefined): Promise<void> {
  const script = await readFile(path, 'latin1');
  if (!/^CREATE (POLICY|USER MAPPING) /m.test(script)) return;
  const rename = (role: string): string => Buffer.from(roleNames ? roleNames(Buffer.from(role, 'latin1').toString()) : Buffer.from(role, 'latin1').toString()).toString('latin1');
  // The comment above a user mapping names the role too, and without quotes.
  const commented = script.replace(/^(-- Name: USER MAPPING )(.+?)( SERVER .*; Type: USER MAPPING; )/gm, (_, before: string, role: string, after: string) => `${before}${rename(role)}${after}`);
  await writeWhole(path, Buffer.from(renameRoles(commented, rename), 'latin1'));
}

/** Table of each data file of a dump. The oid is what identifies it: names in the table of contents may hold blanks. */
async function tablesOfFiles(access: PgAccess, dump: string, facts: DatabaseFacts, signal: AbortSignal | undefined): Promise<Map<string, { name: string; rows: number | undefined }>> {
  const byOid = new Map(facts.tables.map((table) => [table.oid, table]));
  const contents = await toolText(access, 'pg_restore', { args: ['--list', dump], about: `contents of the dump of ${facts.database}`, signal });
  const files = new Map<string, { name: string; rows: number | undefined }>();
  for (const [, id, oid] of contents.matchAll(/^(\d+); \d+ (\d+) TABLE DATA /gm)) {
    const table = byOid.get(oid ?? '');
    if (table) files.set(`${id}.dat`, { name: table.name, rows: table.dumped ? table.rows : undefined });
  }
  const dumped = new Set([...files.values()].map((file) => file.name));
  const forgotten = facts.tables.find((table) => !dumped.has(table.name));
  if (forgotten) throw new Failure('E_CORRUPT', `the dump of database ${facts.database} holds nothing of table ${forgotten.name}`);
  return files;
}

async function* listFiles(folder: string, key: string, tables: Map<string, { name: string; rows: number | undefined }>, signal: AbortSignal | undefined): AsyncGenerator<DumpedFile> {
  const names = (await readdir(join(folder, 'dump'))).map((name) => `dump/${name}`);
  for (const name of [...names, 'database.json', 'schema.sql'].sort(compareKeys)) {
    const table = tables.get(name.slice('dump/'.length));
    const { length, sha256, rows, rowsDigest } = await digestFile(join(folder, name), table !== undefined, signal);
    if (table?.rows !== undefined && rows !== table.rows) throw new Failure('E_CORRUPT', `the dump of ${table.name} holds ${rows} rows, the database ${table.rows} at the same point in time`, { hint: 'the disk below the scratch folder, or the server, loses data' });
    yield { key: `${key}/${name}`, length, sha256, ...(table ? { table: table.name, rowsDigest } : {}) };
  }
}

/**
 * Dumps one database: facts, schema, data; counts and digests everything; leaves a list that says it is complete.
 * What was begun before and not completed is not used.
 * @throws Failure E_HANDLE_LOST when the snapshot is gone, E_SOURCE_FULL when the scratch folder is
 */
export async function dumpDatabase(access: PgAccess, target: DumpFolder, order: DumpOrder, signal: AbortSignal | undefined): Promise<void> {
  const about = `dump of database ${order.database}`;
  const key = databaseKey(order.keyedAs);
  const work = join(target.folder, 'work', randomUUID());
  const snapshot = order.snapshot === undefined ? [] : [`--snapshot=${order.snapshot}`];
  const tool = { applicationName: target.applicationName, about, signal };
  try {
    await mkdir(work, { recursive: true, mode: 0o700 });
    const facts = await withConnection(access, order.database, target.applicationName, async (client) => {
      const end = (): void => { void client.end(); };
      signal?.addEventListener('abort', end, { once: true });
      try {
        await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = ${lockWaitMs}`);
        if (order.snapshot !== undefined) await client.query(`SET TRANSACTION SNAPSHOT '${order.snapshot.replaceAll("'", "''")}'`);
        return await readDatabaseFacts(client, order, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (isLostSnapshot(error)) throw new Failure('E_HANDLE_LOST', `${about}: the point in time is gone on the server`, { cause: error });
        throw error;
      } finally {
        signal?.removeEventListener('abort', end);
      }
    });
    await runTool(access, 'pg_dump', { ...tool, args: ['--format=directory', '--compress=0', `--lock-wait-timeout=${lockWaitMs}`, ...snapshot, `--file=${join(work, 'dump')}`, databaseArgument(order.database)] });
    await runTool(access, 'pg_dump', {
      ...tool,
      args: ['--format=plain', '--schema-only', `--lock-wait-timeout=${lockWaitMs}`, '--no-owner', '--no-privileges', ...(await fixedRestrictKey(access, 'pg_dump')), ...snapshot, databaseArgument(order.database)],
      consume: (stdout: Readable) => pipeline(stdout, withoutVersions(), createWriteStream(join(work, 'schema.sql'), { mode: 0o600 })),
    });
    await settleRoleNames(join(work, 'schema.sql'), order.roleNames);
    await writeWhole(join(work, 'database.json'), `${JSON.stringify(facts, null, 1)}\n`);
    const tables = await tablesOfFiles(access, join(work, 'dump'), facts, signal);
    const content = pathOfKey(join(target.folder, 'content'), key);
    await mkdir(join(target.folder, 'content', 'databases'), { recursive: true, mode: 0o700 });
    await mkdir(join(target.folder, 'done'), { recursive: true, mode: 0o700 });
    await rm(content, { recursive: true, force: true });
    await rename(work, content);
    await writeFileList(listPath(target, order.keyedAs), { database: order.database, snapshot: order.snapshot ?? null }, listFiles(content, key, tables, signal));
  } catch (error) {
    await rm(work, { recursive: true, force: true }).catch(() => undefined);
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'E_SOURCE_FULL') throw new Failure('E_SOURCE_FULL', `no space for the ${about} in the scratch folder ${target.folder}`, { hint: 'make space there, or name a larger scratch folder for the worker; the run goes on by itself', cause: error });
    throw error;
  }
}
