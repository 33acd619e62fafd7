import type { Change, Entry } from '../../contracts/entry.ts';
import { compareKeys } from '../../contracts/compareKeys.ts';
import type { Handle } from '../dataSource.ts';
import type { Connection } from './connection.ts';
import { NOTHING_INHERITED } from './entryOf.ts';
import { assertHandle } from './handles.ts';
import { createExcluder, type HdfsSelection } from './hdfsSchemas.ts';
import { snapshotPath } from './paths.ts';
import { walk, type WalkOptions } from './walk.ts';

/** Attributes that, together with the length, prove that a file's content is the parent's. */
export const SAME_FILE = ['fileId', 'length', 'modificationTime'] as const;

/** How to walk one path of a handle. */
export async function walkOptions(connection: Connection, handle: Handle, root: string, selection: HdfsSelection, signal: AbortSignal | undefined): Promise<WalkOptions> {
  const excluder = createExcluder(selection.exclude);
  return {
    client: connection.client,
    at: (key) => snapshotPath(root, handle.name, key),
    excluded: excluder,
    policies: await connection.policies(),
    signal,
  };
}

/** Everything of one path in the handle. */
export async function* listRoot(connection: Connection, handle: Handle, root: string, selection: HdfsSelection, signal: AbortSignal | undefined): AsyncGenerator<Entry> {
  await assertHandle(connection, handle, root);
  const options = await walkOptions(connection, handle, root, selection, signal);
  // The policies of a root are recorded whatever is above it, which is not in the set.
  yield* walk(options, root, await connection.client.status(options.at(root), signal), NOTHING_INHERITED);
}

/** Everything in the handle; with `reuse` every file refers to the parent set where it is unchanged there, and what the parent had is removed first. */
export async function* planFull(connection: Connection, handle: Handle, selection: HdfsSelection, reuse: { readonly forced: ReadonlySet<string> } | undefined, signal: AbortSignal | undefined): AsyncGenerator<Change> {
  for (const root of [...selection.paths].sort(compareKeys)) yield* planRoot(connection, handle, root, selection, reuse, signal);
}

/** The same for one path. */
export async function* planRoot(connection: Connection, handle: Handle, root: string, selection: HdfsSelection, reuse: { readonly forced: ReadonlySet<string> } | undefined, signal: AbortSignal | undefined): AsyncGenerator<Change> {
  if (reuse !== undefined) yield { op: 'remove', key: root };
  for await (const entry of listRoot(connection, handle, root, selection, signal)) {
    if (reuse === undefined || entry.type !== 'file' || reuse.forced.has(entry.key)) yield { op: 'put', entry };
    else yield { op: 'put', entry, was: { key: entry.key, same: SAME_FILE } };
  }
}

