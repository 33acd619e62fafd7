import { compareKeys } from '../../contracts/compareKeys.ts';
import type { Change, Entry } from '../../contracts/entry.ts';
import { isBelow } from '../../contracts/isBelow.ts';
import { lostContent } from './lostContent.ts';
import type { SnapshotDiff } from '../../protocols/webhdfs/snapshotDiff.ts';
import type { Handle } from '../dataSource.ts';
import type { Connection } from './connection.ts';
import { entryOf, inheritedFrom, NOTHING_INHERITED, type Inherited } from './entryOf.ts';
import { assertHandle } from './handles.ts';
import { createExcluder, isExcluded, type HdfsSelection } from './hdfsSchemas.ts';
import { joinPath, parentOf, snapshotPath } from './paths.ts';
import { SAME_FILE, walkOptions } from './planFull.ts';
import { RenameMap } from './renameMap.ts';
import { isKind } from './sourceFailure.ts';
import { walk } from './walk.ts';

/** Changes of one path held in memory; beyond that a full listing is cheaper than it is safe. */
export const DIFF_LIMIT = 200_000;

/** Changed files looked at at a time. */
const WINDOW = 16;

/** What changed below one path between two handles, or why that cannot be said. */
export type RootDiff = { readonly diffs: readonly SnapshotDiff[] } | { readonly reason: string };

/** Asks for the differences of one path. @throws Failure E_HANDLE_LOST when the newer snapshot is gone */
export async function readDiff(connection: Connection, root: string, since: Handle, handle: Handle, signal: AbortSignal | undefined): Promise<RootDiff> {
  await assertHandle(connection, handle, root);
  const diffs: SnapshotDiff[] = [];
  try {
    for await (const diff of connection.client.snapshotDiff(root, since.name, handle.name, signal)) {
      if (diffs.length === DIFF_LIMIT) return { reason: `more than ${DIFF_LIMIT} changes below ${root}` };
      diffs.push(diff);
    }
    return { diffs };
  } catch (error) {
    if (isKind(error, 'snapshot', 'notFound', 'invalid')) return { reason: `HDFS cannot compare ${root} with the snapshot ${since.name}: ${(error as Error).message}` };
    throw error;
  }
}

/** The changes of one path, ordered. `openBefore` are keys of the parent set whose content cannot be trusted. */
export async function* planIncrement(connection: Connection, root: string, since: Handle, handle: Handle, selection: HdfsSelection, diffs: readonly SnapshotDiff[], openBefore: ReadonlySet<string>, signal: AbortSignal | undefined): AsyncGenerator<Change> {
  const { client } = connection;
  const excluder = createExcluder(selection.exclude);
  const options = await walkOptions(connection, handle, root, selection, signal);
  const renames = new RenameMap();
  for (const diff of diffs) if (diff.type === 'RENAME') renames.add(joinPath(root, diff.path), joinPath(root, diff.target!));

  // A path in a diff is the old one; below a renamed directory too. Only the target of a rename is new.
  const removed: string[] = [];
  const subtrees: string[] = [];
  // HDFS does not name a directory in which something was made and removed again: only its time changed. The path itself is looked at anyway.
  const singles = new Set([root]);
  const modified = new Map<string, string>();
  for (const diff of diffs) {
    const old = joinPath(root, diff.path);
    if (diff.type === 'DELETE') removed.push(old);
    else if (diff.type === 'CREATE') subtrees.push(joinPath(renames.toNew(parentOf(old)), old.slice(parentOf(old).length + 1)));
    else if (diff.type === 'RENAME') {
      removed.push(old);
      subtrees.push(joinPath(root, diff.target!));
    } else {
      singles.add(renames.toNew(old));
      modified.set(renames.toNew(old), old);
    }
  }
  const forced = new Set<string>();
  for (const key of openBefore) {
    if (!isBelow(key, root)) continue;
    const now = renames.toNew(key);
    forced.add(now);
    singles.add(now);
  }

  const removes = outermost(removed);
  const lists = outermost(subtrees);
  const units = [...lists.map((key) => ({ key, subtree: true })), ...[...singles].filter((key) => !isBelowOne(key, lists)).map((key) => ({ key, subtree: false }))]
    .sort((a, b) => compareKeys(a.key, b.key));

  let next = 0;
  function* removesUpTo(key: string | undefined): Generator<Change> {
    for (; next < removes.length && (key === undefined || compareKeys(removes[next]!, key) <= 0); next++) yield { op: 'remove', key: removes[next]! };
  }
  async function put(entry: Entry): Promise<Change> {
    if (entry.type !== 'file' || entry.gap !== undefined || forced.has(entry.key)) return { op: 'put', entry };
    const modifiedFrom = modified.get(entry.key);
    if (modifiedFrom !== undefined) {
      // MODIFY is said of content and of attributes alike; the server's own checksums tell which.
      if (!(await sameContent(connection, snapshotPath(root, since.name, modifiedFrom), snapshotPath(root, handle.name, entry.key), entry.length, signal))) return { op: 'put', entry };
      return { op: 'put', entry, was: { key: modifiedFrom, same: ['fileId', 'length'] } };
    }
    const from = renames.toOld(entry.key);
    return from === undefined ? { op: 'put', entry } : { op: 'put', entry, was: { key: from, same: SAME_FILE } };
  }

  const parents = new Map<string, Inherited & { readonly encrypted: boolean }>();
  async function inheritedBy(key: string): Promise<Inherited & { readonly encrypted: boolean }> {
    if (key === root) return { ...NOTHING_INHERITED, encrypted: false };
    const parent = parentOf(key);
    let known = parents.get(parent);
    if (known === undefined) {
      const status = await client.status(options.at(parent), signal);
      known = { ...inheritedFrom(status), encrypted: status.encBit };
      if (parents.size >= 10_000) parents.clear();
      parents.set(parent, known);
    }
    return known;
  }

  /** A changed file or directory by itself; `undefined` when there is nothing to say. */
  async function single(key: string): Promise<Change | undefined> {
    const status = await client.statusOrUndefined(options.at(key), signal);
    if (status === undefined) return undefined; // it was open before, or changed, and is gone: its removal is named by itself
    const inherited = await inheritedBy(key);
    if (inherited.encrypted) return undefined; // below an encryption zone, which is named by itself
    return put(entryOf(key, status, inherited, options.policies));
  }

  // Singles cost some requests each: a window of them is under way, and given on in order.
  const window = new Map<number, Promise<Change | undefined>>();
  let started = 0;
  for (const [index, unit] of units.entries()) {
    for (; started < units.length && started < index + WINDOW; started++) {
      const ahead = units[started]!;
      if (ahead.subtree || isExcluded(excluder, ahead.key, root)) continue;
      const change = single(ahead.key);
      change.catch(() => undefined); // seen when its turn comes
      window.set(started, change);
    }
    yield* removesUpTo(unit.key);
    if (isExcluded(excluder, unit.key, root)) continue;
    if (!unit.subtree) {
      const change = await window.get(index)!;
      window.delete(index);
      if (change !== undefined) yield change;
      continue;
    }
    const status = await client.status(options.at(unit.key), signal);
    const inherited = await inheritedBy(unit.key);
    if (inherited.encrypted) continue;
    for await (const entry of walk(options, unit.key, status, inherited)) {
      yield* removesUpTo(entry.key);
      yield await put(entry);
    }
  }
  yield* removesUpTo(undefined);
}

/** Whether the server's checksums of a file agree in both snapshots. When it has none (open, mixed types), the answer is no. */
async function sameContent(connection: Connection, before: string, after: string, length: number, signal: AbortSignal | undefined): Promise<boolean> {
  const { client } = connection;
  const old = await client.statusOrUndefined(before, signal);
  if (old === undefined || old.length !== length) return false;
  try {
    const [one, two] = await Promise.all([client.checksum(before, signal), client.checksum(after, signal)]);
    return one.algorithm === two.algorithm && one.hex === two.hex;
  } catch (error) {
    if (isKind(error, 'invalid', 'busy', 'notFound', 'denied')) return false;
    // Reading it will tell that it is lost.
    if (isKind(error, 'unreachable') && (await lostContent(connection, after, 0, length, signal).catch(() => undefined)) !== undefined) return false;
    throw error;
  }
}

/** Sorted, without what lies below another. */
function outermost(keys: readonly string[]): string[] {
  const kept: string[] = [];
  for (const key of [...keys].sort(compareKeys)) {
    const last = kept.at(-1);
    if (last === undefined || !isBelow(key, last)) kept.push(key);
  }
  return kept;
}

/** Whether a key is at or below one of the sorted, unnested keys. */
function isBelowOne(key: string, sorted: readonly string[]): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(sorted[middle]!, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low > 0 && isBelow(key, sorted[low - 1]!);
}
