import type { RestorationPlan, RestoreRequest, RestoreStep } from '../contracts/restoration.ts';
import { Failure } from '../contracts/failure.ts';
import type { FramePool } from '../backupset/framePool.ts';
import { gapLines } from '../backupset/gapLines.ts';
import { readDescription } from '../backupset/sourceDescription.ts';
import { readManifest, type Manifest } from '../backupset/readManifest.ts';
import type { Repository } from '../backupset/repository.ts';
import type { DataSource, RestorePlanPart, SourceSession } from '../components/dataSource.ts';
import { countBelow } from './countBelow.ts';
import { orderSources } from './orderSources.ts';
import { planDigest } from './planDigest.ts';
import { restoreTarget } from './restoreTarget.ts';

type Opened = AsyncDisposable & { readonly repository: Repository };

export interface PlanningContext {
  readonly request: RestoreRequest;
  readonly sources: readonly DataSource[];
  readonly pool: FramePool;
  /** Instances of a component at the cluster that is written to. */
  readonly instances: (component: string) => readonly string[];
  readonly open: (destination: string) => Promise<Opened>;
  readonly connect: (source: DataSource, instance: string) => Promise<SourceSession>;
}

interface Planned {
  readonly step: RestoreStep;
  readonly part: RestorePlanPart;
}

/**
 * The document an operator approves: order, mapping, conflicts, losses, space. Changes nothing.
 * @throws Failure E_SET_NOT_FOUND, E_USAGE when a name cannot be mapped, E_UNSUPPORTED for sources that exclude each other
 */
export async function planRestoration(context: PlanningContext): Promise<RestorationPlan> {
  const { request } = context;
  const planned: Planned[] = [];
  const found = new Set<string>();
  for (const wanted of request.sets) {
    await using opened = await context.open(wanted.destination);
    const manifest = await readManifest(opened.repository, wanted.setId);
    for (const part of manifest.sources) {
      if (wanted.sources.length > 0 && !wanted.sources.some((each) => each === part.source || each === `${part.source}@${part.instance}`)) continue;
      const only = keysOf(context, part.source);
      if (request.only.length > 0 && only.length === 0) continue;
      const chosen = only.length === 0 ? part : await countBelow(opened.repository, context.pool, part.table, only);
      if ('found' in chosen) for (const key of chosen.found) found.add(key);
      if (only.length === 0 || chosen.entries > 0) planned.push(await planStep(context, planned, opened.repository, wanted.destination, manifest, part, only, chosen));
    }
    refuseUnknown(wanted, manifest);
  }
  // A path that was mistyped must not end as a restoration of nothing.
  const absent = request.only.filter((key) => !found.has(key));
  if (absent.length > 0) throw new Failure('E_USAGE', `nothing that is selected lies at or below ${absent.join(', ')}`, { hint: 'name a path of hdfs (/data/sales), or databases/NAME or globals.sql of dbservice; a source that is left out is not looked at' });
  if (planned.length === 0) throw new Failure('E_USAGE', 'nothing is selected: no set has the sources that were asked for', { hint: 'mrs-backup set show SET lists its sources' });
  const ordered = orderSources(planned.map((each) => ({ ...each, source: each.step.source })), context.sources);
  refuseExclusive(ordered.map((each) => each.step), context.sources);
  return document(request, ordered);
}

async function planStep(context: PlanningContext, before: readonly Planned[], repository: Repository, destination: string, manifest: Manifest, part: Manifest['sources'][number], only: readonly string[], { entries, bytes }: { readonly entries: number; readonly bytes: number }): Promise<Planned> {
  const { request } = context;
  const source = context.sources.find((each) => each.name === part.source);
  if (source === undefined) throw new Failure('E_UNSUPPORTED', `set ${manifest.setId} has the data source ${part.source}, which this version cannot restore`);
  const toInstance = instanceFor(context, source, part.instance);
  const step: RestoreStep = {
    name: stepName(request.planId, before.filter(({ step: other }) => other.source === part.source && other.toInstance === toInstance).length),
    source: part.source, fromInstance: part.instance, toInstance, destination, repositoryId: repository.id, setId: manifest.setId,
    recoveryPoint: part.recoveryPoint, entries, bytes, only,
  };
  const description = await readDescription(repository, manifest, part);
  const session = await context.connect(source, toInstance);
  await using _ = session;
  const planPart = await session.planRestore(restoreTarget(step, request, description), { entries, bytes });
  const gaps = part.gaps === 0 ? [] : (await gapLines(repository, context.pool, part.table, only)).map((line) => `not restored: ${line}`);
  return { step, part: { ...planPart, losses: [...gaps, ...planPart.losses] } };
}

/** The plan's own name; further sets that go into the same instance have a number. */
function stepName(planId: string, before: number): string {
  return `${planId.toLowerCase().replace(/[^a-z0-9.-]/g, '-')}${before === 0 ? '' : `.${before + 1}`}`;
}

/** Of the keys that were chosen those that mean this source. */
function keysOf(context: PlanningContext, name: string): readonly string[] {
  const source = context.sources.find((each) => each.name === name);
  return context.request.only.filter((key) => source?.ownsKey(key) === true);
}

/** The mapping first, then the same name, then the only one there is. */
function instanceFor(context: PlanningContext, source: DataSource, instance: string): string {
  const name = `${source.name}@${instance}`;
  const there = context.instances(source.component);
  const mapped = context.request.mapping.instances[name];
  if (mapped !== undefined) {
    if (there.includes(mapped)) return mapped;
    throw new Failure('E_USAGE', `cluster ${context.request.toCluster} has no ${source.component} instance ${mapped}, to which ${name} is mapped`, { hint: `it has: ${there.join(', ') || 'none'}` });
  }
  if (there.includes(instance)) return instance;
  if (there.length === 1) return there[0]!;
  throw new Failure('E_USAGE', `cluster ${context.request.toCluster} has no ${source.component} instance ${instance}`, { hint: `name one of ${there.join(', ') || 'none'} in the mapping: instances: { "${name}": … }` });
}

function refuseUnknown(wanted: RestoreRequest['sets'][number], manifest: Manifest): void {
  for (const name of wanted.sources) {
    if (!manifest.sources.some((each) => each.source === name || `${each.source}@${each.instance}` === name)) {
      throw new Failure('E_USAGE', `set ${manifest.setId} has no source ${name}`, { hint: `it has: ${manifest.sources.map((each) => `${each.source}@${each.instance}`).join(', ')}` });
    }
  }
}

function refuseExclusive(steps: readonly RestoreStep[], sources: readonly DataSource[]): void {
  const targets = new Map<string, RestoreStep>();
  for (const step of steps) {
    const same = targets.get(`${step.source}@${step.toInstance}`);
    if (same !== undefined && same.fromInstance !== step.fromInstance) throw new Failure('E_USAGE', `${step.source}@${step.fromInstance} and ${same.source}@${same.fromInstance} would both be restored into ${step.toInstance}`, { hint: 'map one of them to another instance' });
    targets.set(`${step.source}@${step.toInstance}`, step);
    for (const [other, reason] of Object.entries(sources.find((each) => each.name === step.source)?.neverWith ?? {})) {
      if (steps.some((each) => each.source === other)) throw new Failure('E_UNSUPPORTED', `${step.source} and ${other} cannot be restored together: ${reason}`, { hint: 'restore them one after the other' });
    }
  }
}

function document(request: RestoreRequest, planned: readonly Planned[]): RestorationPlan {
  const all = (of: (part: RestorePlanPart) => readonly string[]): string[] => planned.flatMap(({ step, part }) => of(part).map((line) => `${step.source}@${step.toInstance}: ${line}`));
  const conflicts = request.compareOnly ? [] : all((part) => part.conflicts);
  const spaceNeeded = planned.reduce((sum, { part }) => sum + part.spaceNeeded, 0);
  const short = request.compareOnly ? undefined : planned.find(({ part }) => part.spaceFree !== undefined && part.spaceFree < part.spaceNeeded);
  const refused = conflicts.length > 0 && request.existing === 'fail'
    ? { code: 'E_TARGET_EXISTS' as const, reason: conflicts.length === 1 ? conflicts[0]! : `${conflicts[0]}, and ${conflicts.length - 1} more conflicts` }
    : short === undefined ? undefined : { code: 'E_PREFLIGHT' as const, reason: `${short.step.source}@${short.step.toInstance} needs ${short.part.spaceNeeded} bytes, ${short.part.spaceFree} are free` };
  const free = planned.flatMap(({ part }) => part.spaceFree ?? []);
  const body = {
    version: 1 as const, planId: request.planId, request, order: planned.map((each) => each.step), steps: all((part) => part.steps), conflicts,
    stops: all((part) => part.stops), losses: all((part) => part.losses), spaceNeeded, spaceFree: free.length === 0 ? null : Math.min(...free),
    ...(refused === undefined ? {} : { refused }),
  };
  return { ...body, createdAt: new Date().toISOString(), digest: planDigest(body) };
}
