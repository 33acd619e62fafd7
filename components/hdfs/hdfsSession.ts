import { Failure } from '../../contracts/failure.ts';
import type { Entry } from '../../contracts/entry.ts';
import type { Handle, RestoreTarget, SourceSession } from '../dataSource.ts';
import { commitRestore, rollbackRestore } from './commitRestore.ts';
import { withCostlyAttributes } from './complete.ts';
import type { Connection } from './connection.ts';
import { describe } from './describe.ts';
import { assertHandle, dropHandle, listHandles, pathsOf, takeHandle } from './handles.ts';
import type { HdfsSelection } from './hdfsSchemas.ts';
import { isBelow } from '../../contracts/isBelow.ts';
import { lostContent } from './lostContent.ts';
import { parentOf, snapshotPath } from './paths.ts';
import { plan } from './plan.ts';
import { planRestore } from './planRestore.ts';
import { preflight } from './preflight.ts';
import { readContent } from './readContent.ts';
import { createRestoreEntries, type RestoreEntries } from './restoreEntries.ts';
import { atEdge, isKind, sourceFailure, streamAtEdge } from './sourceFailure.ts';
import { unitsOf } from './targetPaths.ts';
import type { FileDefaults } from './writeFile.ts';

/** A session on one NameService. */
export function createHdfsSession(connection: Connection): SourceSession<HdfsSelection> {
  const { client } = connection;
  const restorations = new Map<string, RestoreEntries>();
  let defaults: Promise<FileDefaults> | undefined;

  function fileDefaults(): Promise<FileDefaults> {
    if (defaults === undefined) {
      defaults = Promise.all([client.serverDefaults(), client.conf('dfs.namenode.fs-limits.min-block-size')])
        .then(([server, least]) => ({ ...server, minBlockSize: Number(least ?? 1 << 20) || 1 << 20 }));
      defaults.catch(() => { defaults = undefined; });
    }
    return defaults;
  }

  function entries(target: RestoreTarget): RestoreEntries {
    const key = JSON.stringify([target.name, target.mode, target.existing, target.mapping, target.selection, target.only]);
    let known = restorations.get(key);
    if (known === undefined) restorations.set(key, (known = createRestoreEntries(connection, target, fileDefaults)));
    return known;
  }

  /** Where an entry of the handle is read. */
  function inHandle(handle: Handle, entry: Entry): { readonly root: string; readonly path: string } {
    const root = pathsOf(handle).find((path) => isBelow(entry.key, path));
    if (root === undefined) throw new Failure('E_SOURCE_PATH', `HDFS: ${entry.key} is not in the handle ${handle.name}`);
    return { root, path: snapshotPath(root, handle.name, entry.key) };
  }

  /** Nothing vanishes from a snapshot: what is missing means that the snapshot is. */
  async function explain(error: unknown, handle: Handle, root: string): Promise<never> {
    if (isKind(error, 'notFound') || (error instanceof Failure && error.code === 'E_SOURCE_PATH')) {
      await assertHandle(connection, handle, root);
      throw new Failure('E_CORRUPT', `HDFS: ${(error as Error).message}, though its snapshot is there`, { cause: error });
    }
    throw sourceFailure(error);
  }

  return {
    preflight: (selection) => preflight(connection, selection),
    takeHandle: (name, selection) => takeHandle(connection, name, selection),
    dropHandle: (name, selection) => dropHandle(connection, name, selection),
    listHandles: (selection) => listHandles(connection, selection),
    plan: (handle, selection, since, report, signal) => plan(connection, handle, selection, since, report, signal),
    describe: (handle, selection) => describe(connection, handle, selection),

    async complete(handle, entry, signal) {
      const { root, path } = inHandle(handle, entry);
      return withCostlyAttributes(connection, entry, path, signal).catch((error: unknown) => explain(error, handle, root));
    },
    async *read(handle, entry, offset, length, signal) {
      const { root, path } = inHandle(handle, entry);
      try {
        yield* readContent(client, path, offset, length, signal);
      } catch (error) {
        if (error instanceof Failure && error.code === 'E_SOURCE_UNREACHABLE') {
          const lost = await lostContent(connection, path, offset, length, signal).catch(() => undefined);
          signal?.throwIfAborted();
          if (lost !== undefined) throw new Failure('E_CORRUPT', `HDFS: ${entry.key}: ${lost}`, { cause: error });
        }
        await explain(error, handle, root);
      }
    },

    planRestore: (target, totals) => atEdge(() => planRestore(connection, target, totals)),
    async beginRestore(target) {
      await atEdge(async () => {
        for (const unit of unitsOf(target)) {
          const begun = await client.statusOrUndefined(unit.staging);
          if (begun === undefined && target.mode !== 'inPlace' && target.existing === 'fail') {
            const there = await client.statusOrUndefined(unit.final);
            if (there !== undefined && (there.type !== 'DIRECTORY' || there.childrenNum !== 0)) throw new Failure('E_TARGET_EXISTS', `HDFS: ${unit.final} exists already`);
          }
          // Before the first write, so that a rollback knows what was there; a repetition after writing has the staging folder's marks already.
          if ((await client.statusOrUndefined(`${unit.staging}/.begun`)) === undefined) {
            // Directories above it that are missing are made for everybody, not only for what is temporary.
            await client.mkdirs(parentOf(unit.staging));
            if ((await client.statusOrUndefined(unit.final)) === undefined) await client.mkdirs(unit.created, '700');
            else await client.mkdirs(unit.staging, '700');
          }
        }
        for (const unit of unitsOf(target)) await client.mkdirs(`${unit.staging}/.begun`, '700');
      });
    },
    isRestored: (target, entry, signal) => atEdge(() => entries(target).isRestored(entry, signal)),
    writeEntry: (target, entry, body, signal) => atEdge(() => entries(target).write(entry, body, signal)),
    settleDirectory: (target, entry, signal) => atEdge(() => entries(target).settle(entry, signal)),
    async finishRestore(target, progress) {
      for (const loss of connection.losses.get(target.name) ?? []) progress(`not restored: ${loss}`);
    },
    statRestored: (target, entry, signal) => atEdge(() => entries(target).stat(entry, signal)),
    readRestored: (target, entry, signal) => streamAtEdge(entries(target).read(entry, signal)),
    comparable: (entry) => (entry.type === 'file' && entry.gap === undefined ? 'content' : 'nothing'),

    commitRestore: (target) => atEdge(() => commitRestore(connection, target)),
    rollbackRestore: (target) => atEdge(() => rollbackRestore(connection, target)),
    isUnfinished: (target) => atEdge(async () => {
      for (const unit of unitsOf(target)) if ((await client.statusOrUndefined(unit.staging)) !== undefined) return true;
      return false;
    }),
    async releaseRestore(target) {
      await atEdge(async () => {
        for (const unit of unitsOf(target)) await client.delete(unit.staging, { recursive: true });
      });
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
