import { Failure } from '../../contracts/failure.ts';
import type { Handle } from '../dataSource.ts';
import type { Connection } from './connection.ts';
import { createExcluder, isExcluded, type HdfsSelection } from './hdfsSchemas.ts';
import { atEdge, isKind } from './sourceFailure.ts';

/** Handles of this product begin with it; what does not is never touched. */
export const HANDLE_PREFIX = 'mrs-backup.';
/** Open files kept in the handle itself, which travels through workflow history. */
const OPEN_KEYS_IN_HANDLE = 200;

/** One snapshot of this name per path. What exists already under the name is ours. */
export async function takeHandle(connection: Connection, name: string, selection: HdfsSelection): Promise<Handle> {
  let takenAtMs = Date.now();
  const { client } = connection;
  return atEdge(async () => {
    for (const path of selection.paths) {
      if (await snapshot(connection, path, name)) continue;
      // Found, not made: the NameNode stamps a snapshot with the moment of its creation, and a handle must not claim a later one.
      const { modificationTime } = await client.status(`${path}/.snapshot/${name}`);
      takenAtMs = Math.min(takenAtMs, modificationTime);
    }
    // Only where snapshots do not freeze the length of open files does the moment of asking matter.
    const frozen = (await client.conf('dfs.namenode.snapshot.capture.openfiles')) === 'true';
    const open = frozen ? [] : await openInSelection(connection, selection, OPEN_KEYS_IN_HANDLE);
    return {
      name,
      takenAt: new Date(takenAtMs).toISOString(),
      data: {
        paths: selection.paths.map((path) => ({ path, snapshot: name })),
        exclude: [...(selection.exclude ?? [])],
        ...(open.length > 0 ? { open } : {}),
      },
    };
  });
}

/** Whether it was made now; false when it was there. */
async function snapshot({ client }: Connection, path: string, name: string): Promise<boolean> {
  try {
    await client.createSnapshot(path, name);
    return true;
  } catch (error) {
    if (!isKind(error, 'snapshot')) throw error;
  }
  try {
    if ((await client.snapshots(path)).includes(name)) return false;
  } catch (error) {
    if (!isKind(error, 'snapshot')) throw error;
  }
  await client.allowSnapshot(path);
  await client.createSnapshot(path, name);
  return true;
}

/** Deletes the snapshots of this name; what is gone is done. */
export async function dropHandle({ client }: Connection, name: string, selection: HdfsSelection): Promise<void> {
  await atEdge(async () => {
    for (const path of selection.paths) {
      try {
        await client.deleteSnapshot(path, name);
      } catch (error) {
        if (isKind(error, 'notFound')) continue;
        if (isKind(error, 'snapshot') && !(await namesOf(client, path)).includes(name)) continue;
        throw error;
      }
    }
  });
}

/** Names of our handles on any path of the selection. */
export async function listHandles({ client }: Connection, selection: HdfsSelection): Promise<readonly string[]> {
  return atEdge(async () => {
    const names = new Set<string>();
    for (const path of selection.paths) for (const name of await namesOf(client, path)) if (name.startsWith(HANDLE_PREFIX)) names.add(name);
    return [...names].sort();
  });
}

async function namesOf(client: Connection['client'], path: string): Promise<readonly string[]> {
  try {
    return await client.snapshots(path);
  } catch (error) {
    if (isKind(error, 'notFound', 'snapshot')) return [];
    throw error;
  }
}

/** Throws E_HANDLE_LOST when a snapshot of the handle is gone. */
export async function assertHandle({ client }: Connection, handle: Handle, path: string): Promise<void> {
  const found = await atEdge(() => client.statusOrUndefined(`${path}/.snapshot/${handle.name}`));
  if (found === undefined) throw new Failure('E_HANDLE_LOST', `HDFS: the snapshot ${handle.name} of ${path} is gone`, { details: { path, snapshot: handle.name } });
}

/** Paths of a handle, as they were selected when it was taken. */
export function pathsOf(handle: Handle): readonly string[] {
  const paths = handle.data['paths'];
  return Array.isArray(paths) ? paths.flatMap((one) => (typeof (one as { path?: unknown }).path === 'string' ? [(one as { path: string }).path] : [])) : [];
}

/** Keys of files that are open for writing now, at most `limit`. The NameNode walks the paths for it. */
export async function openInSelection({ client }: Connection, selection: HdfsSelection, limit: number): Promise<string[]> {
  const excluder = createExcluder(selection.exclude);
  const keys: string[] = [];
  for (const path of selection.paths) {
    const { files } = await client.openFiles(path, limit);
    for (const file of files) if (keys.length < limit && !isExcluded(excluder, file.path, path)) keys.push(file.path);
  }
  return keys;
}
