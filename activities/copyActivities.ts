import { Context } from '@temporalio/activity';
import type { ClusterActivities, CopyTask } from '../contracts/activities.ts';
import { openIndex } from '../backupset/readIndex.ts';
import { readManifestOf } from '../backupset/readManifest.ts';
import type { Limits } from '../contracts/run.ts';
import { buildIndex } from '../transfer/buildIndex.ts';
import { checkShard } from '../transfer/checkShard.ts';
import { copyShard } from '../transfer/copyShard.ts';
import type { OpenDestination } from '../transfer/openDestination.ts';
import { planShards } from '../transfer/planShards.ts';
import { copyFolder } from '../transfer/stagingKeys.ts';
import { connectSource } from './connectSource.ts';
import { DamageOfParents } from './damageOfParents.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { beat } from './heartbeat.ts';
import { openRepositoryOf } from './openRepositoryOf.ts';
import { withPatience } from './withPatience.ts';

/** The steps of a copy: plan, shards, reading back, index. */
export function copyActivities(deps: ActivityDependencies): Pick<ClusterActivities, 'planShards' | 'copyShard' | 'checkShard' | 'buildIndex'> {
  const damage = new DamageOfParents();
  const patiently = <T>(copy: CopyTask, work: () => Promise<T>): Promise<T> => withPatience(deps, copy.task, copy.destinations, work);
  return {
    planShards: (copy) => patiently(copy, async () => {
      const { session: source } = await connectSource(deps, copy.ref.cluster, copy.ref.source, copy.ref.instance);
      await using _source = source;
      await using opened = await openAll(deps, damage, copy);
      return await planShards({ source, copy, folder: folderOf(copy), destinations: opened.destinations, pool: deps.pool, signal: signal(), progress: (entries) => beat({ entries }) });
    }),
    copyShard: (copy, shard, limits) => patiently(copy, async () => {
      const { source: kind, session: source } = await connectSource(deps, copy.ref.cluster, copy.ref.source, copy.ref.instance);
      await using _source = source;
      await using opened = await openAll(deps, damage, copy);
      let known = { entries: 0, files: 0, bytes: 0, readBytes: 0, storedBytes: 0 };
      const wait = deps.rates.of(copy.run.runKey, limits.bandwidth, signal());
      // Bytes: what was read, or more where content is referenced instead of read.
      const tell = () => beat({ entries: known.entries, files: known.files, bytes: Math.max(known.readBytes, known.bytes), storedBytes: known.storedBytes });
      return await copyShard({
        source, chunking: kind.chunking, handle: copy.handle, folder: folderOf(copy), shard, destinations: opened.destinations, pool: deps.pool, ahead: deps.ahead, signal: signal(),
        took: (bytes) => {
          known = { ...known, readBytes: known.readBytes + bytes };
          tell();
          return limits.bandwidth === null ? undefined : wait(bytes);
        },
        readBack: wait,
        progress: (totals) => {
          // A pack that is stored only now was read a while ago.
          known = { ...totals, readBytes: Math.max(known.readBytes, totals.readBytes) };
          tell();
        },
      });
    }),
    checkShard: (copy, shard, limits: Limits) => patiently(copy, async () => {
      await using opened = await openAll(deps, damage, copy);
      return await checkShard({ folder: folderOf(copy), shard, destinations: opened.destinations, pool: deps.pool, signal: signal(), took: deps.rates.of(copy.run.runKey, limits.bandwidth, signal()) });
    }),
    buildIndex: (copy, plan, destination) => patiently(copy, async () => {
      const { session: source } = await connectSource(deps, copy.ref.cluster, copy.ref.source, copy.ref.instance);
      await using _source = source;
      await using opened = await openAll(deps, damage, { ...copy, destinations: [destination] });
      return await buildIndex({ source, copy, plan, folder: folderOf(copy), destination: opened.destinations[0]!, ref: destination, pool: deps.pool, signal: signal(), progress: (entries) => beat({ entries }) });
    }),
  };
}

function folderOf(copy: CopyTask): string {
  return copyFolder(copy.run.runKey, copy.ref.source, copy.ref.instance, copy.attempt);
}

function signal(): AbortSignal {
  return Context.current().cancellationSignal;
}

/** All destinations of a copy, each with the parent's index and what is known to be bad there. */
async function openAll(deps: ActivityDependencies, damage: DamageOfParents, copy: CopyTask): Promise<{ readonly destinations: readonly OpenDestination[] } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const destinations: OpenDestination[] = [];
  for (const ref of copy.destinations) {
    const opened = stack.use(await openRepositoryOf(deps, ref.name, ref.repositoryId, copy.run.runKey));
    const { repository } = opened;
    const from = copy.parent === null ? undefined : await readManifestOf(repository, { cluster: copy.ref.cluster, task: copy.task, setId: copy.parent.setId });
    const table = from?.sources.find((each) => each.source === copy.ref.source && each.instance === copy.ref.instance)?.table;
    destinations.push({
      name: ref.name, repository,
      parent: table === undefined ? undefined : await openIndex(repository, deps.pool, table),
      bad: copy.parent === null ? new Set() : await damage.of(copy.run.runKey, repository, { cluster: copy.ref.cluster, task: copy.task, setId: copy.parent.setId }),
    });
  }
  const owned = stack.move();
  return { destinations, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
