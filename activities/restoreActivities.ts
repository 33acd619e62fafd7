import { Context } from '@temporalio/activity';
import type { ClusterActivities, RestoreTask } from '../contracts/activities.ts';
import type { Limits } from '../contracts/run.ts';
import { readDescription } from '../backupset/sourceDescription.ts';
import { readManifest } from '../backupset/readManifest.ts';
import type { DataSource } from '../components/dataSource.ts';
import { Failure } from '../contracts/failure.ts';
import { restoreTarget } from '../restoration/restoreTarget.ts';
import { compareShard } from '../transfer/compareShard.ts';
import { planRestoreShards } from '../transfer/planRestoreShards.ts';
import type { RestoreContext } from '../transfer/restoreContext.ts';
import { restoreShard } from '../transfer/restoreShard.ts';
import { restoreFolder } from '../transfer/stagingKeys.ts';
import { connectSource } from './connectSource.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { beat } from './heartbeat.ts';
import { openRepositoryOf } from './openRepositoryOf.ts';

type RestoreActivities = Pick<ClusterActivities, 'beginRestore' | 'planRestoreShards' | 'restoreShard' | 'finishRestore' | 'compareShard' | 'commitRestore' | 'rollbackRestore' | 'releaseRestore'>;

const unlimited: Limits = { bandwidth: null, parallel: 1 };

/** The steps of restoring one source instance. */
export function restoreActivities(deps: ActivityDependencies): RestoreActivities {
  return {
    async beginRestore(task) {
      await using opened = await open(deps, task);
      await opened.context.target.beginRestore(opened.context.where);
    },
    async planRestoreShards(task) {
      await using opened = await open(deps, task);
      return await planRestoreShards(opened.context, opened.table);
    },
    async restoreShard(task, phase, shard, limits) {
      await using opened = await open(deps, task, limits);
      return await restoreShard(opened.context, phase, shard);
    },
    async finishRestore(task) {
      await using opened = await open(deps, task);
      await opened.context.target.finishRestore(opened.context.where, (line) => beat({ line }), opened.context.signal);
    },
    async compareShard(task, kind, shard, limits) {
      await using opened = await open(deps, task, limits);
      return await compareShard(opened.context, kind, shard, opened.source.incomparableAttributes);
    },
    async commitRestore(task) {
      await using opened = await open(deps, task);
      return { safetyPoint: (await opened.context.target.commitRestore(opened.context.where)).safetyPoint ?? null };
    },
    async rollbackRestore(task) {
      await using opened = await open(deps, task);
      await opened.context.target.rollbackRestore(opened.context.where);
    },
    async releaseRestore(task) {
      await using opened = await open(deps, task);
      await opened.context.target.releaseRestore(opened.context.where);
    },
  };
}

interface OpenedRestore extends AsyncDisposable {
  readonly source: DataSource;
  readonly table: { readonly digest: string; readonly length: number };
  readonly context: RestoreContext;
}

async function open(deps: ActivityDependencies, task: RestoreTask, limits: Limits = unlimited): Promise<OpenedRestore> {
  await using stack = new AsyncDisposableStack();
  const { step } = task;
  const { repository } = stack.use(await openRepositoryOf(deps, step.destination, step.repositoryId, task.run.runKey));
  const { source, session } = await connectSource(deps, task.toCluster, step.source, step.toInstance);
  stack.use(session);
  const manifest = await readManifest(repository, step.setId);
  const part = manifest.sources.find((each) => each.source === step.source && each.instance === step.fromInstance);
  if (part === undefined) throw new Failure('E_SET_NOT_FOUND', `set ${step.setId} has no ${step.source}@${step.fromInstance}`);
  const signal = Context.current().cancellationSignal;
  const context: RestoreContext = {
    target: session, where: restoreTarget(step, task, await readDescription(repository, manifest, part)), repository,
    folder: restoreFolder(task.run.runKey, step.source, step.fromInstance, step.name), pool: deps.pool, signal, took: deps.rates.of(task.run.runKey, limits.bandwidth, signal),
    progress: (done) => beat({ ...done, files: done.entries }),
  };
  const owned = stack.move();
  return { source, table: part.table, context, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
