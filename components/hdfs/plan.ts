import { compareKeys } from '../../contracts/compareKeys.ts';
import type { Change } from '../../contracts/entry.ts';
import { Failure } from '../../contracts/failure.ts';
import type { Handle, PlanReport } from '../dataSource.ts';
import type { Connection } from './connection.ts';
import { pathsOf, assertHandle } from './handles.ts';
import type { HdfsSelection } from './hdfsSchemas.ts';
import { planFull, planRoot } from './planFull.ts';
import { planIncrement, readDiff, type RootDiff } from './planIncrement.ts';
import { isKind, sourceFailure } from './sourceFailure.ts';

type Since = { readonly handle: Handle; readonly openBefore: readonly string[] } | undefined;

/** See SourceSession.plan. Each path of the selection is compared by itself; one that cannot be is listed in full. */
export async function* plan(connection: Connection, handle: Handle, selection: HdfsSelection, since: Since, report: (report: PlanReport) => void, signal: AbortSignal | undefined): AsyncGenerator<Change> {
  try {
    yield* planChanges(connection, handle, selection, since, report, signal);
  } catch (error) {
    if (isKind(error, 'notFound', 'snapshot')) {
      for (const root of selection.paths) await assertHandle(connection, handle, root);
      // Nothing vanishes from a snapshot that is still there.
      throw new Failure('E_CORRUPT', `HDFS: ${(error as Error).message}, though its snapshot ${handle.name} is there`, { cause: error });
    }
    throw sourceFailure(error);
  }
}

async function* planChanges(connection: Connection, handle: Handle, selection: HdfsSelection, since: Since, report: (report: PlanReport) => void, signal: AbortSignal | undefined): AsyncGenerator<Change> {
  if (since === undefined) {
    for (const root of selection.paths) await assertHandle(connection, handle, root);
    report({ kind: 'full' });
    yield* planFull(connection, handle, selection, undefined, signal);
    return;
  }
  const forced = new Set(since.openBefore);
  const before = pathsOf(since.handle);
  const sameExclude = JSON.stringify(since.handle.data['exclude'] ?? []) === JSON.stringify(selection.exclude ?? []);
  const byRoot = new Map<string, RootDiff>();
  for (const root of selection.paths) {
    if (!sameExclude) byRoot.set(root, { reason: 'the exclusions were changed' });
    else if (!before.includes(root)) byRoot.set(root, { reason: `${root} was not selected in the parent` });
    else byRoot.set(root, await readDiff(connection, root, since.handle, handle, signal));
  }
  const reasons = [...new Set([...byRoot.values()].flatMap((one) => ('reason' in one ? [one.reason] : [])))];
  report(reasons.length === 0 ? { kind: 'incremental' } : { kind: reasons.length > 0 && [...byRoot.values()].every((one) => 'reason' in one) ? 'full' : 'incremental', fellBack: reasons.slice(0, 5).join('; ') });

  const gone = before.filter((path) => !selection.paths.includes(path));
  for (const root of [...new Set([...gone, ...selection.paths])].sort(compareKeys)) {
    const diff = byRoot.get(root);
    if (diff === undefined) yield { op: 'remove', key: root };
    else if ('reason' in diff) yield* planRoot(connection, handle, root, selection, { forced }, signal);
    else yield* planIncrement(connection, root, since.handle, handle, selection, diff.diffs, forced, signal);
  }
}
