import { createReadStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Change, Entry } from '../../contracts/entry.ts';
import { Failure } from '../../contracts/failure.ts';
import type { Handle } from '../../contracts/handle.ts';
import type { DataSource, PlanReport, RestorePlanPart, RestoreTarget, SourceContext, SourceDescription, SourceSession, Comparable } from '../dataSource.ts';
import { comparableOf, CompareDump, type CompareIndex } from './compareDump.ts';
import { covered } from './covered.ts';
import type { DumpedFile } from './fileList.ts';
import { actualName, checkRestore, commitDatabases, hasMarked, loadStaged, rollbackDatabases, settleComments } from './databaseRestore.ts';
import { dbserviceInstance, dbserviceSelection, type DbserviceInstance, type DbserviceSelection } from './dbserviceInstance.ts';
import type { DumpFolder } from './dumpDatabase.ts';
import { describeDumps } from './dumpServer.ts';
import { applicationName, endBackends, exportSnapshots, handleNameOf, HeldSnapshots, snapshotsOf } from './exportedSnapshot.ts';
import type { PgAccess } from './pgConnection.ts';
import { withConnection } from './pgConnection.ts';
import { dumpedChanges, ensureDumps } from './planDumps.ts';
import { planDatabaseRestore } from './planRestore.ts';
import { checkBackup } from './preflight.ts';
import { isStaged, stageEntry } from './restoreFolder.ts';
import { databaseOfKey, namesIn, pathOfKey, removeFolder, segmentOf } from './scratch.ts';

/** One DBService: the databases of services on one PostgreSQL server, dumped in full at one point in time. */
class DbserviceSession implements SourceSession<DbserviceSelection> {
  readonly #access: PgAccess;
  readonly #context: SourceContext;

  constructor(access: PgAccess, context: SourceContext) {
    this.#access = access;
    this.#context = context;
  }

  /** Other sources and instances may use the same handle or restoration name: each has a folder of its own in it. */
  #folder(name: string, of: string): string {
    if (!/^[a-z0-9.-]+$/.test(name)) throw new Failure('E_INTERNAL', `not a name of a handle or a restoration: ${JSON.stringify(name)}`);
    return join(this.#context.scratchFolder, name, `dbservice@${segmentOf(of)}`);
  }

  #dumps(handleName: string): DumpFolder {
    return { folder: this.#folder(handleName, this.#context.instance), applicationName: applicationName(handleName) };
  }

  #staging(target: RestoreTarget): string {
    return this.#folder(`restore-${target.name}`, `${this.#context.instance}@${target.fromInstance}`);
  }

  #comparison(target: RestoreTarget): DumpFolder {
    return { folder: this.#folder(`compare-${target.name}`, `${this.#context.instance}@${target.fromInstance}`), applicationName: 'mrs-backup-compare' };
  }

  #heldKey(handleName: string): string {
    return `${handleName}/dbservice@${this.#context.instance}`;
  }

  #databases(selection: DbserviceSelection): readonly string[] {
    const configured = Object.keys(this.#access.instance.databases);
    for (const database of selection.databases ?? []) {
      if (!configured.includes(database)) throw new Failure('E_SOURCE_PATH', `database ${database} is not among the databases of ${this.#context.instance} in the configuration`, { hint: 'name it under `databases` of the service instance, with its service and owner' });
    }
    const databases = [...new Set(selection.databases ?? configured)];
    if (databases.length === 0) throw new Failure('E_SOURCE_PATH', `${this.#context.instance} has no databases in the configuration`);
    return databases;
  }

  async preflight(selection: DbserviceSelection | null): ReturnType<SourceSession['preflight']> {
    return checkBackup(this.#access, selection === null ? Object.keys(this.#access.instance.databases) : this.#databases(selection), this.#context.scratchFolder);
  }

  async takeHandle(name: string, selection: DbserviceSelection): Promise<Handle> {
    const held = this.#context.held.get(this.#heldKey(name));
    if (held instanceof HeldSnapshots && (await held.live())) return held.handle;
    const databases = this.#databases(selection);
    await this.dropHandle(name, selection);
    const taken = await exportSnapshots(this.#access, name, databases);
    this.#context.held.set(this.#heldKey(name), taken);
    return taken.handle;
  }

  async #release(name: string): Promise<void> {
    const key = this.#heldKey(name);
    const held = this.#context.held.get(key);
    this.#context.held.delete(key);
    await held?.[Symbol.asyncDispose]();
  }

  async dropHandle(name: string, selection: DbserviceSelection): Promise<void> {
    await this.#release(name);
    await removeFolder(this.#dumps(name).folder);
    await endBackends(this.#access, name, selection.databases ?? Object.keys(this.#access.instance.databases), []);
  }

  async listHandles(): Promise<readonly string[]> {
    const names = new Set<string>();
    await withConnection(this.#access, this.#access.instance.database, 'mrs-backup', async (client) => {
      const { rows } = await client.query<{ name: string }>(`SELECT DISTINCT application_name AS name FROM pg_stat_activity WHERE application_name LIKE 'mrs-backup/%' AND datname = ANY($1::text[])`, [Object.keys(this.#access.instance.databases)]);
      for (const row of rows) names.add(handleNameOf(row.name) ?? row.name);
    });
    const own = `dbservice@${segmentOf(this.#context.instance)}`;
    for (const name of await namesIn(this.#context.scratchFolder)) {
      if (name.startsWith('mrs-backup.') && (await namesIn(join(this.#context.scratchFolder, name))).includes(own)) names.add(name);
    }
    return [...names].sort();
  }

  async *plan(handle: Handle, _selection: DbserviceSelection, _since: unknown, report: (report: PlanReport) => void, signal?: AbortSignal): AsyncIterable<Change> {
    const folder = this.#dumps(handle.name);
    await ensureDumps(this.#access, folder, handle, signal);
    // Everything is on the disk: the transactions need not hold back vacuum any longer.
    await this.#release(handle.name);
    report({ kind: 'full' });
    yield* dumpedChanges(folder, handle, signal);
  }

  async describe(handle: Handle): Promise<SourceDescription & { readonly openKeys: readonly string[] }> {
    return describeDumps(this.#dumps(handle.name), snapshotsOf(handle).map((snapshot) => snapshot.database), Number(handle.data['spreadMs'] ?? 0));
  }

  complete(_handle: Handle, entry: Entry): Entry {
    return entry;
  }

  async *read(handle: Handle, entry: Entry, offset: number, length: number, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    const path = pathOfKey(join(this.#dumps(handle.name).folder, 'content'), entry.key);
    yield* readExactly(path, entry, offset, length, () => new Failure('E_HANDLE_LOST', `${entry.key}: the dump of handle ${handle.name} is gone from the scratch folder`), signal);
  }

  async planRestore(target: RestoreTarget): Promise<RestorePlanPart> {
    return planDatabaseRestore(this.#access, target);
  }

  async beginRestore(target: RestoreTarget): Promise<void> {
    await checkRestore(this.#access, target);
    await mkdir(this.#staging(target), { recursive: true, mode: 0o700 });
  }

  async isRestored(target: RestoreTarget, entry: Entry, signal?: AbortSignal): Promise<boolean> {
    return isStaged(this.#staging(target), entry, signal);
  }

  async writeEntry(target: RestoreTarget, entry: Entry, body: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    await stageEntry(this.#staging(target), entry, body, signal);
  }

  async settleDirectory(): Promise<void> {}

  async finishRestore(target: RestoreTarget, progress: (line: string) => void, signal?: AbortSignal): Promise<void> {
    await this.#forgetComparison(target);
    await loadStaged(this.#access, target, this.#staging(target), progress, signal);
  }

  async #forgetComparison(target: RestoreTarget): Promise<void> {
    const { folder } = this.#comparison(target);
    for (const [key, held] of this.#context.held) {
      if (!key.startsWith(`${folder}/`)) continue;
      this.#context.held.delete(key);
      await held[Symbol.asyncDispose]();
    }
    await removeFolder(folder);
  }

  /** The dump of the database as it was restored, made once; `undefined` when the database is not there. */
  async #compareIndex(target: RestoreTarget, database: string, signal: AbortSignal | undefined): Promise<CompareIndex | undefined> {
    const folder = this.#comparison(target);
    const key = `${folder.folder}/${segmentOf(database)}`;
    let dump = this.#context.held.get(key);
    if (!(dump instanceof CompareDump)) {
      const actual = await actualName(this.#access, target, database);
      if (actual === undefined) return undefined;
      dump = this.#context.held.get(key) ?? new CompareDump(this.#access, folder, actual, database, originalNames(target));
      this.#context.held.set(key, dump);
    }
    try {
      return await (dump as CompareDump).wait(signal);
    } catch (error) {
      if (this.#context.held.get(key) === dump) this.#context.held.delete(key);
      throw error;
    }
  }

  async #restoredFile(target: RestoreTarget, entry: Entry, signal: AbortSignal | undefined): Promise<DumpedFile | undefined> {
    const database = databaseOfKey(entry.key);
    if (database === undefined) return undefined;
    const index = await this.#compareIndex(target, database, signal);
    const table = entry.attributes['table'];
    return typeof table === 'string' ? index?.byTable.get(table) : index?.byKey.get(entry.key);
  }

  async statRestored(target: RestoreTarget, entry: Entry, signal?: AbortSignal): Promise<Entry | undefined> {
    // What cannot be compared is there when its database is; roles are there or loading would have failed.
    if (this.comparable(entry) === 'nothing' || entry.type !== 'file') {
      const database = databaseOfKey(entry.key);
      return database === undefined || (await this.#compareIndex(target, database, signal)) ? entry : undefined;
    }
    const file = await this.#restoredFile(target, entry, signal);
    // Of a table the digest of its rows counts: their order, and so the digest of the file, may be another one.
    const digests: Entry['attributes'] = file?.rowsDigest === undefined ? { sha256: file?.sha256 ?? '' } : { rowsDigest: file.rowsDigest };
    return file && { key: entry.key, type: 'file', length: file.length, attributes: { ...entry.attributes, ...digests } };
  }

  async *readRestored(target: RestoreTarget, entry: Entry, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    const file = await this.#restoredFile(target, entry, signal);
    const missing = (): Failure => new Failure('E_DIFFERENCES', `${entry.key}: not there after the restoration`);
    if (!file) throw missing();
    const path = pathOfKey(join(this.#comparison(target).folder, 'content'), file.key);
    yield* readExactly(path, { ...entry, length: file.length }, 0, file.length, missing, signal);
  }

  comparable(entry: Entry): Comparable {
    return comparableOf(entry);
  }

  async commitRestore(target: RestoreTarget): Promise<{ readonly safetyPoint: string | undefined }> {
    return commitDatabases(this.#access, target);
  }

  async rollbackRestore(target: RestoreTarget): Promise<void> {
    await this.#forgetComparison(target);
    await rollbackDatabases(this.#access, target, this.#staging(target));
    await removeFolder(this.#staging(target));
  }

  async isUnfinished(target: RestoreTarget): Promise<boolean> {
    for (const folder of [this.#staging(target), this.#comparison(target).folder]) if (await stat(folder).then(() => true, () => false)) return true;
    return hasMarked(this.#access, target);
  }

  async releaseRestore(target: RestoreTarget): Promise<void> {
    await this.#forgetComparison(target);
    await settleComments(this.#access, target, this.#staging(target));
    await removeFolder(this.#staging(target));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** From the roles' names at the target back to those in the set; `undefined` when they are the same. */
function originalNames(target: RestoreTarget): ((role: string) => string) | undefined {
  const names = new Map(Object.entries(target.mapping.owners).map(([from, to]) => [to, from]));
  return names.size === 0 ? undefined : (role) => names.get(role) ?? role;
}

async function* readExactly(path: string, entry: Entry, offset: number, length: number, missing: () => Failure, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const there = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? missing() : error;
  });
  if (there.size !== entry.length) throw new Failure('E_CORRUPT', `${entry.key}: ${there.size} bytes in the scratch folder, ${entry.length} were listed`);
  if (length === 0) return;
  let left = length;
  for await (const part of createReadStream(path, { start: offset, end: offset + length - 1, highWaterMark: 1 << 20, ...(signal ? { signal } : {}) })) {
    left -= (part as Buffer).length;
    yield part as Buffer;
  }
  if (left !== 0) throw new Failure('E_CORRUPT', `${entry.key}: ${left} of ${length} bytes are missing at ${offset}`);
}

/** The metadata of Hive, Spark, Oozie, Hue and others: databases of a PostgreSQL server. */
export const dbserviceSource: DataSource<DbserviceInstance, DbserviceSelection> = {
  name: 'dbservice',
  component: 'DBService',
  kind: 'metadata',
  instance: dbserviceInstance,
  selection: dbserviceSelection,
  chunking: 'contentDefined',
  runsAfter: [],
  neverWith: {},
  incomparableAttributes: [],
  covered,
  ownsKey: (key) => !key.startsWith('/'),
  connect: async (instance, context) => new DbserviceSession({ instance, readSecret: context.readSecret }, context),
};
