import { canonicalJson } from '../../backupset/canonicalJson.ts';
import { latestSet } from '../../backupset/latestSet.ts';
import { parseSetKey } from '../../backupset/layout.ts';
import { readDescription } from '../../backupset/sourceDescription.ts';
import type { Json } from '../../contracts/entry.ts';
import { handleNames } from '../../contracts/names.ts';
import type { OpenRepository } from '../openRepositoryAt.ts';
import type { Candidate } from './leftover.ts';
import type { ReapContext } from './reapContext.ts';
import { connectInstance, type SourceInstance } from './sourceInstances.ts';

/** A handle that the newest sealed set of a task names, and what the task selected then. */
interface KeptHandle {
  readonly name: string;
  readonly selection: Json;
}

/** Cluster → tasks that have sets in a repository. */
async function tasksWithSets({ repository }: Pick<OpenRepository, 'repository'>): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const tasks = new Map<string, Set<string>>();
  for await (const { key } of repository.session.list('sets/')) {
    const set = parseSetKey(key)?.set;
    if (set === undefined) continue;
    const known = tasks.get(set.cluster) ?? new Set();
    known.add(set.task);
    tasks.set(set.cluster, known);
  }
  return tasks;
}

/** The handles from which the next increments of an instance start: of the newest sealed set of each task, at each destination. */
export async function keptHandles(repositories: readonly OpenRepository[], of: SourceInstance): Promise<KeptHandle[]> {
  // What is dumped in full every time starts from no handle.
  if (of.source.chunking !== 'fixed') return [];
  const kept: KeptHandle[] = [];
  for (const opened of repositories) {
    for (const task of (await tasksWithSets(opened)).get(of.cluster) ?? []) {
      const manifest = await latestSet(opened.repository, of.cluster, task, of.source.name, of.instance);
      const part = manifest?.sources.find((each) => each.source === of.source.name && each.instance === of.instance);
      if (manifest === undefined || part === undefined) continue;
      const { handle, selection } = await readDescription(opened.repository, manifest, part);
      kept.push({ name: handle.name, selection });
    }
  }
  return kept;
}

/**
 * Handles of an instance, dead or alive, needed or not: on everything that tasks select now or selected in their newest sets.
 * Handles of tasks that neither the configuration nor a repository knows are another installation's.
 */
export async function handleLeftovers({ config, stateFolder, repositories }: ReapContext, of: SourceInstance): Promise<Candidate[]> {
  const words = new Set(Object.values(config.tasks).filter((task) => task.cluster === of.cluster).map((task) => handleNames.word(task.name)));
  for (const opened of repositories) for (const task of (await tasksWithSets(opened)).get(of.cluster) ?? []) words.add(handleNames.word(task));
  const selected = Object.values(config.tasks).filter((task) => task.cluster === of.cluster).flatMap((task) => task.sources)
    .filter((ref) => ref.source === of.source.name && ref.instance === of.instance).map((ref) => ref.selection);
  const selections = new Map([...selected, ...(await keptHandles(repositories, of)).map((each) => each.selection)].map((each) => [canonicalJson(each), each]));
  const found = new Map<string, Json[]>();
  await using session = await connectInstance(config, stateFolder, of);
  for (const selection of selections.values()) {
    for (const name of await session.listHandles(selection)) found.set(name, [...(found.get(name) ?? []), selection]);
  }
  return [...found].flatMap(([name, where]): Candidate[] => {
    const parsed = handleNames.parse(name);
    if (parsed === undefined || !words.has(parsed.word)) return [];
    return [{
      leftover: { kind: 'handle', where: of.name, name }, runKey: parsed.runKey, runId: undefined,
      async remove() {
        await using again = await connectInstance(config, stateFolder, of);
        for (const selection of where) await again.dropHandle(name, selection);
      },
    }];
  });
}
