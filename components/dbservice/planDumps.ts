import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Change } from '../../contracts/entry.ts';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { Failure } from '../../contracts/failure.ts';
import type { Handle } from '../../contracts/handle.ts';
import type { DumpFolder } from './dumpDatabase.ts';
import { dumpDatabase, listPath } from './dumpDatabase.ts';
import { dumpServer, globalsListPath } from './dumpServer.ts';
import type { ExportedSnapshot } from './exportedSnapshot.ts';
import { endBackends, isHeld, snapshotsOf } from './exportedSnapshot.ts';
import { readFileList, type DumpedFile } from './fileList.ts';
import type { PgAccess } from './pgConnection.ts';
import { databaseKey } from './scratch.ts';

async function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}

/** Whether a database of the handle is dumped whole, in the handle's own snapshot. */
async function isDumped(folder: DumpFolder, snapshot: ExportedSnapshot): Promise<boolean> {
  const path = listPath(folder, snapshot.database);
  if (!(await exists(path))) return false;
  for await (const head of readFileList(path)) return (head as { snapshot?: string }).snapshot === snapshot.snapshot;
  return false;
}

async function requireHeld(access: PgAccess, handle: Handle, snapshot: ExportedSnapshot): Promise<void> {
  if (await isHeld(access, snapshot)) return;
  throw new Failure('E_HANDLE_LOST', `handle ${handle.name}: the point in time of database ${snapshot.database} is gone; its transaction on the server has ended`);
}

/** Dumps what the handle names and is not dumped yet. Repeating it goes on from there. @throws Failure E_HANDLE_LOST, E_SOURCE_* */
export async function ensureDumps(access: PgAccess, folder: DumpFolder, handle: Handle, signal: AbortSignal | undefined): Promise<void> {
  const missing: ExportedSnapshot[] = [];
  for (const snapshot of snapshotsOf(handle)) if (!(await isDumped(folder, snapshot))) missing.push(snapshot);
  const globals = await exists(globalsListPath(folder));
  if (missing.length === 0 && globals) return;
  await mkdir(folder.folder, { recursive: true, mode: 0o700 });
  // A dump that a killed worker left running writes into a folder nobody uses any more; it is ended here.
  const snapshots = snapshotsOf(handle);
  await endBackends(access, handle.name, snapshots.map((snapshot) => snapshot.database), snapshots.map((snapshot) => snapshot.pid));
  await rm(join(folder.folder, 'work'), { recursive: true, force: true });
  for (const snapshot of missing) await requireHeld(access, handle, snapshot);
  for (const snapshot of missing) {
    const service = access.instance.databases[snapshot.database]?.service ?? '';
    try {
      await dumpDatabase(access, folder, { database: snapshot.database, service, snapshot: snapshot.snapshot, keyedAs: snapshot.database }, signal);
    } catch (error) {
      signal?.throwIfAborted();
      // Whatever it looked like: without the transaction that holds it there is no point in time to dump.
      if (!(error instanceof Failure && error.code === 'E_HANDLE_LOST') && (await isHeld(access, snapshot).catch(() => true)) === false) {
        throw new Failure('E_HANDLE_LOST', `handle ${handle.name}: the point in time of database ${snapshot.database} was lost during its dump`, { cause: error });
      }
      throw error;
    }
    // An identifier can come again: the dump counts only if the very transaction of the handle outlived it.
    if (!(await isHeld(access, snapshot))) {
      await rm(listPath(folder, snapshot.database), { force: true });
      await requireHeld(access, handle, snapshot);
    }
  }
  if (!globals) await dumpServer(access, folder, signal);
}

/** Every file of finished dumps as a change, in the order of `compareKeys`. Streams from the lists. */
export async function* dumpedChanges(folder: DumpFolder, handle: Handle, signal: AbortSignal | undefined): AsyncGenerator<Change> {
  const databases = snapshotsOf(handle).map((snapshot) => snapshot.database).sort((a, b) => compareKeys(`${databaseKey(a)}/`, `${databaseKey(b)}/`));
  for (const path of [...databases.map((database) => listPath(folder, database)), globalsListPath(folder)]) {
    let head = true;
    for await (const value of readFileList(path)) {
      signal?.throwIfAborted();
      if (head) {
        head = false;
        continue;
      }
      const file = value as DumpedFile;
      yield { op: 'put', entry: { key: file.key, type: 'file', length: file.length, attributes: { sha256: file.sha256, ...(file.table === undefined ? {} : { table: file.table, rowsDigest: file.rowsDigest ?? '' }) } } };
    }
  }
}
