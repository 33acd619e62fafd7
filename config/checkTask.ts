import type { Json } from '../contracts/entry.ts';
import { isBelow } from '../contracts/isBelow.ts';
import type { SourceRef } from '../contracts/run.ts';
import type { Catalogue, ProblemSink } from './checkConfig.ts';
import type { ClusterConfig, DestinationConfig, TaskConfig } from './config.ts';
import { nearest } from './nearest.ts';
import { taskSchema, type TaskBlock } from './schema.ts';
import { checkSchema } from './schemaProblems.ts';
import { shareOrigin } from './shareOrigin.ts';
import type { KeyPath } from './yamlDocument.ts';

interface Known {
  readonly clusters: Readonly<Record<string, ClusterConfig>>;
  readonly destinations: Readonly<Record<string, DestinationConfig>>;
  /** Also those that have problems of their own: naming them is no second mistake. */
  readonly clusterNames: readonly string[];
  readonly destinationNames: readonly string[];
}

/** Checks one task and fills in its defaults; undefined when it cannot be used. */
export function checkTask(name: string, value: unknown, known: Known, catalogue: Catalogue, sink: ProblemSink): TaskConfig | undefined {
  const path: KeyPath = ['tasks', name];
  const checked = checkSchema(taskSchema, value, path);
  sink.all(checked.problems);
  const block = checked.value;
  if (block === undefined) return undefined;

  if (!known.clusterNames.includes(block.cluster)) sink.error([...path, 'cluster'], `there is no cluster "${block.cluster}"`, suggestion(block.cluster, known.clusterNames, 'clusters'));
  for (const [i, destination] of block.destinations.entries()) {
    if (!known.destinationNames.includes(destination)) sink.error([...path, 'destinations', i], `there is no destination "${destination}"`, suggestion(destination, known.destinationNames, 'destinations'));
    if (block.destinations.indexOf(destination) < i) sink.error([...path, 'destinations', i], `${destination} is named twice`, 'name every destination once');
  }
  if (block.retention !== undefined) {
    sink.warning([...path, 'retention'], 'retention is not enforced yet: nothing is deleted', 'remove old sets by hand, or leave the block for a later version');
  }
  if (block.policy.fullEvery !== undefined && !block.policy.incremental) {
    sink.warning([...path, 'policy', 'fullEvery'], 'has no effect: every run is full', 'remove it, or set incremental: true');
  }

  const sources = checkSources(block, path, known, catalogue, sink);
  return {
    name, cluster: block.cluster, sources, destinations: block.destinations,
    policy: { incremental: block.policy.incremental, fullEvery: block.policy.fullEvery ?? null, patienceMs: block.policy.patience },
    schedule: block.schedule === undefined ? undefined : scheduleOf(block.schedule, [...path, 'schedule'], sink),
    retention: block.retention === undefined ? undefined : withoutUndefined(block.retention),
    limits: { bandwidth: block.limits.bandwidth ?? null, parallel: block.limits.parallel },
    verify: block.verify,
  };
}

function checkSources(block: TaskBlock, path: KeyPath, known: Known, catalogue: Catalogue, sink: ProblemSink): SourceRef[] {
  const refs: SourceRef[] = [];
  const names = catalogue.sources.map((source) => source.name);
  for (const [i, { source: name, instance, ...selected }] of block.sources.entries()) {
    const at: KeyPath = [...path, 'sources', i];
    const source = catalogue.sources.find((each) => each.name === name);
    if (source === undefined) {
      sink.error([...at, 'source'], `there is no data source "${name}"`, suggestion(name, names, 'data sources'));
      continue;
    }
    const selection = checkSchema(source.selection, selected, at);
    sink.all(selection.problems.map((problem) => {
      const word = /^unknown key "(.*)"$/.exec(problem.message)?.[1];
      const guess = word === undefined ? undefined : nearest(word, ['source', 'instance']);
      return guess === undefined || problem.hint.startsWith('did you mean') ? problem : { ...problem, hint: `did you mean "${guess}"?` };
    }));
    if (selection.problems.length > 0) continue;
    const cluster = known.clusters[block.cluster];
    if (cluster === undefined) continue;
    const instances = Object.keys(cluster.services[source.component] ?? {});
    if (instances.length === 0 && !(source.component in cluster.services)) {
      sink.error([...at, 'source'], `the cluster ${cluster.name} has no ${source.component} service`, `add clusters.${cluster.name}.services.${source.component}, or remove the source`);
      continue;
    }
    if (instance !== undefined && !instances.includes(instance)) {
      sink.error([...at, 'instance'], `the cluster ${cluster.name} has no usable ${source.component} instance "${instance}"`, suggestion(instance, instances, 'instances'));
      continue;
    }
    checkPaths(selection.value, at, sink);
    for (const each of instance === undefined ? instances : [instance]) {
      if (refs.some((ref) => ref.source === name && ref.instance === each)) {
        sink.error(at, `${name}@${each} is selected twice`, 'put everything of one instance into one entry');
        continue;
      }
      refs.push({ cluster: cluster.name, source: name, instance: each, selection: selection.value as Json });
      checkOwnRepository(cluster, source.component, each, selection.value, block.destinations, at, known, sink);
    }
  }
  return refs;
}

/** Paths of one selection that contain one another would be copied twice. */
function checkPaths(selection: unknown, at: KeyPath, sink: ProblemSink): void {
  const paths = pathsOf(selection);
  for (const [i, path] of paths.entries()) {
    const other = paths.find((each, j) => j !== i && isBelow(path, each) && (path !== each || j < i));
    if (other !== undefined) sink.error([...at, 'paths', i], `${path} overlaps with ${other}`, 'name only the upper one');
  }
}

/** A repository inside what is backed up would contain itself and grow without end. */
function checkOwnRepository(cluster: ClusterConfig, component: string, instance: string, selection: unknown, destinations: readonly string[], at: KeyPath, known: Known, sink: ProblemSink): void {
  const servers = (cluster.services[component]?.[instance] as { webhdfs?: readonly string[] } | undefined)?.webhdfs;
  if (!Array.isArray(servers)) return;
  for (const name of destinations) {
    const settings = known.destinations[name]?.settings as { webhdfs?: readonly string[]; path?: string } | undefined;
    const place = settings?.path;
    if (place === undefined || !Array.isArray(settings?.webhdfs) || !shareOrigin(settings.webhdfs, servers)) continue;
    const around = pathsOf(selection).find((path) => isBelow(place, path));
    if (around !== undefined) sink.error(at, `${around} contains the destination ${name} (${place})`, 'select the folders beside it, or move the destination');
  }
}

function pathsOf(selection: unknown): readonly string[] {
  const paths = (selection as { paths?: unknown } | null)?.paths;
  return Array.isArray(paths) ? paths.filter((path): path is string => typeof path === 'string') : [];
}

function scheduleOf(block: NonNullable<TaskBlock['schedule']>, path: KeyPath, sink: ProblemSink): TaskConfig['schedule'] {
  const [hours, minutes] = (block.at ?? '00:00').split(':').map(Number);
  const dayMs = 86_400_000;
  if (block.every !== undefined && block.timeZone !== 'UTC' && block.every !== dayMs && dayMs % block.every !== 0) {
    sink.warning([...path, 'timeZone'], 'counts only for intervals that divide a day; this one runs by UTC', 'use every: 1d, 12h, 6h … or cron');
  }
  if (block.jitter > 0 && block.every !== undefined && block.jitter >= block.every) sink.error([...path, 'jitter'], 'must be shorter than every', 'make it a small part of the interval');
  return {
    everyMs: block.every, cron: block.cron, atMinutes: (hours ?? 0) * 60 + (minutes ?? 0),
    timeZone: block.timeZone, jitterMs: block.jitter, overlap: block.overlap, catchUpMs: block.catchUp,
  };
}

function withoutUndefined<T extends object>(block: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(block).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function suggestion(word: string, candidates: readonly string[], what: string): string {
  const guess = nearest(word, candidates);
  return guess !== undefined ? `did you mean "${guess}"?` : `${what}: ${candidates.join(', ') || 'none'}`;
}
