import { Context } from '@temporalio/activity';
import type { ClusterActivities } from '../contracts/activities.ts';
import type { BackupPlan, FoundParent } from '../contracts/activities.ts';
import type { Json } from '../contracts/entry.ts';
import { canonicalJson } from '../backupset/canonicalJson.ts';
import { beginSet } from '../backupset/beginSet.ts';
import { latestSet } from '../backupset/latestSet.ts';
import { knownDamage, readProofs, writeProof } from '../backupset/proofs.ts';
import { readDescription } from '../backupset/sourceDescription.ts';
import { sealSet } from '../backupset/sealSet.ts';
import { findSet } from '../backupset/readManifest.ts';
import type { Repository } from '../backupset/repository.ts';
import { verifySet } from '../backupset/verifySet.ts';
import { vouchedBefore } from '../backupset/vouchedBefore.ts';
import { writeHistory } from '../backupset/history.ts';
import { newestSetStamp } from '../backupset/newestSetStamp.ts';
import { unsealedSets } from '../backupset/unsealedSets.ts';
import { removeTree } from '../storage/removeTree.ts';
import { setFolder, type SetRef } from '../backupset/layout.ts';
import type { ParentRef, SourceRef } from '../contracts/run.ts';
import { ReadBackPacks } from '../transfer/readBackPacks.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { beat } from './heartbeat.ts';
import { createRepositoryOf, openRepositoryOf } from './openRepositoryOf.ts';
import { withPatience } from './withPatience.ts';

/** A temporary object this old is nobody's any more, whoever began it. */
const abandonedMs = 7 * 24 * 3600 * 1000;

type SetActivities = Pick<ClusterActivities, 'preflightDestination' | 'findParent' | 'beginSet' | 'sealSet' | 'verifySet' | 'cleanDestination' | 'recordHistory'>;

/** Sets at the destinations: begun, sealed, verified, cleaned up after. */
export function setActivities(deps: ActivityDependencies): SetActivities {
  return {
    preflightDestination: (name, of) => withPatience(deps, of?.task ?? '', of?.destinations ?? [name], async () => {
      await using opened = await createRepositoryOf(deps, name);
      // Writes and removes something small: a destination that is only readable is known before anything is begun.
      await opened.repository.session.sweep(abandonedMs, Context.current().cancellationSignal);
      const newest = of === undefined ? undefined : await newestSetStamp(opened.repository, of.cluster, of.task);
      return { repositoryId: opened.repository.id, ...(newest === undefined ? {} : { newest }) };
    }),
    findParent: (ref, task, destinations) => withPatience(deps, task, destinations, () => findParent(deps, ref, task, destinations)),
    beginSet: (run, plan, destination, recoveryPoint) => withPatience(deps, plan.task, plan.destinations, async () => {
      await using opened = await openRepositoryOf(deps, destination.name, destination.repositoryId, run.runKey);
      await beginSet(opened.repository, { ...setOf(plan, destination.setId), runId: run.runId, recoveryPoint, productVersion: deps.version });
    }),
    sealSet: (run, plan, destination, recoveryPoint, seals) => withPatience(deps, plan.task, plan.destinations, async () => {
      await using opened = await openRepositoryOf(deps, destination.name, destination.repositoryId, run.runKey);
      const partial = seals.length < plan.sources.length || seals.some((each) => each.gaps > 0);
      await sealSet(opened.repository, { ...setOf(plan, destination.setId), runId: run.runId, recoveryPoint, productVersion: deps.version, partial, sources: seals.map(({ warnings: _, ...seal }) => seal) });
    }),
    verifySet: async (destination, setId, level, of) => await withPatience(deps, of?.task ?? '', await destinationsOf(deps, of), async () => {
      await using opened = await openRepositoryOf(deps, destination, undefined, of?.runKey);
      const set = of === undefined ? await findSet(opened.repository, setId) : { cluster: of.cluster, task: of.task, setId };
      // At the end of a run: what the run added to what was verified before. Asked for by itself: everything.
      const vouched = of === undefined ? [] : await vouchedBefore(opened.repository, set, level);
      const readBack = of === undefined || level !== 'stored' ? undefined : await ReadBackPacks.read(opened.repository, deps.pool, of.runKey, Context.current().cancellationSignal);
      const result = await verifySet(opened.repository, deps.pool, set, level, { vouched, ...(readBack === undefined ? {} : { readBack }), signal: Context.current().cancellationSignal, onProgress: (done) => beat({ entries: done.checkedObjects, bytes: done.checkedBytes }) });
      await writeProof(opened.repository, result, set);
      return { ok: result.ok, checkedObjects: result.checkedObjects, checkedBytes: result.checkedBytes, damage: result.damage.length, damaged: result.damage.slice(0, 20).map((each) => `${each.object}: ${each.kind}`) };
    }, 'the set is sealed there; when it is back: mrs-backup set verify'),
    cleanDestination: async (run, destination, unsealed, of) => await withPatience(deps, of?.task ?? '', await destinationsOf(deps, of), async () => {
      await using opened = await openRepositoryOf(deps, destination, undefined, run.runKey);
      const signal = Context.current().cancellationSignal;
      await removeTree(opened.repository.session, `staging/${run.runKey}/`, signal);
      // Of this run's writers that died in the middle of an object.
      await opened.repository.session.sweep(abandonedMs, signal);
      if (unsealed !== null && !(await isProved(opened.repository, unsealed))) await removeTree(opened.repository.session, `${setFolder(unsealed)}/`, signal);
      for (const set of of === undefined ? [] : await unsealedSets(opened.repository, of, run.runKey, signal)) await removeTree(opened.repository.session, `${setFolder(set)}/`, signal);
    }, 'when it is back: mrs-backup reap removes what the run left there'),
    async recordHistory(run, destination, record) {
      await using opened = await openRepositoryOf(deps, destination, undefined, run.runKey);
      await writeHistory(opened.repository, run.runId, record);
    },
  };
}

/** What a run could not seal may be a set by now: brought by a copy, which leaves a proof. */
async function isProved(repository: Repository, set: SetRef): Promise<boolean> {
  return (await readProofs(repository, set)).some((each) => each.ok);
}

/** Among how many a destination is one. */
async function destinationsOf(deps: ActivityDependencies, of: { readonly task: string } | undefined): Promise<readonly string[]> {
  return of === undefined ? [] : ((await deps.config()).tasks[of.task]?.destinations ?? []);
}

function setOf(plan: BackupPlan, setId: string): { readonly cluster: string; readonly task: string; readonly setId: string } {
  return { cluster: plan.cluster, task: plan.task, setId };
}

/** One reading serves all destinations, so an increment needs the same newest set at each of them. */
async function findParent(deps: ActivityDependencies, ref: SourceRef, task: string, destinations: readonly string[]): Promise<FoundParent> {
  const name = `${ref.source}@${ref.instance}`;
  const found: { readonly parent: ParentRef; readonly selection: Json }[] = [];
  let because: string | undefined;
  for (const destination of destinations) {
    await using opened = await openRepositoryOf(deps, destination);
    const manifest = await latestSet(opened.repository, ref.cluster, task, ref.source, ref.instance);
    if (manifest === undefined) {
      because ??= destinations.length === 1 ? undefined : `${destination} has no set of ${name} yet`;
      continue;
    }
    const part = manifest.sources.find((each) => each.source === ref.source && each.instance === ref.instance)!;
    const body = await readDescription(opened.repository, manifest, part);
    found.push({ parent: { setId: manifest.setId, handle: body.handle, incrementsSinceFull: body.incrementsSinceFull }, selection: body.selection });
    const damage = await knownDamage(opened.repository, manifest);
    if ([...damage].some((key) => !key.startsWith('packs/'))) because ??= `the index of set ${manifest.setId} at ${destination} is known to be damaged`;
    if (canonicalJson(body.selection) !== canonicalJson(ref.selection)) because ??= `what the task selects of ${name} changed since set ${manifest.setId}`;
  }
  const first = found[0];
  if (found.some((each) => each.parent.setId !== first?.parent.setId)) because ??= `the destinations have different newest sets of ${name}`;
  const whole = first !== undefined && because === undefined && found.length === destinations.length;
  return {
    parent: whole ? first.parent : null,
    ...(because === undefined || first === undefined ? {} : { because }),
    superseded: found.map((each) => ({ name: each.parent.handle.name, selection: each.selection })),
  };
}
