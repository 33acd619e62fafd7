import { CancellationScope, isCancellation, patched, setCurrentDetails, startChild, workflowInfo } from '@temporalio/workflow';
import type { BackupPlan, CopyTask, FoundParent, PlannedSource, RunRef } from '../contracts/activities.ts';
import type { Handle } from '../contracts/handle.ts';
import { handleNames, workflowIds } from '../contracts/names.ts';
import type { BackupOutcome, BackupRequest, DestinationRef, ParentRef, RunFailure, SourceOutcome } from '../contracts/run.ts';
import { allEnded } from '../contracts/allEnded.ts';
import { beginSets, setsOf } from './beginSets.ts';
import { copySource, type CopySourceResult } from './copySource.ts';
import { holdInstance } from './holdInstance.ts';
import { setSearchAttributes } from './setSearchAttributes.ts';
import { runKey } from './runKey.ts';
import { destinationOf, fail, failureOf } from './failureOf.ts';
import { onCluster, onControl } from './onQueue.ts';
import { preflight } from './preflight.ts';
import { createStory, type Story } from './story.ts';

/** One run of a backup task. */
export async function backup(request: BackupRequest): Promise<BackupOutcome> {
  const run = runRef();
  const story = createStory({ runId: run.runId, kind: 'backup', cluster: request.cluster, task: request.task });
  const asked = await onControl().resolveBackup(request);
  story.limits(asked.limits);
  setSearchAttributes({ BackupDestination: asked.destinations.join(',').slice(0, 200), BackupSources: asked.sources.map((each) => `${each.source}@${each.instance}`) });

  story.phase = 'preflight';
  const { found, absent } = await preflight(asked);
  const plan: BackupPlan = { ...asked, destinations: found.map((each) => each.name) };
  const tried: PlannedSource[] = [];
  let begun: readonly DestinationRef[] = [];
  let outcome: BackupOutcome | undefined;
  let copied: readonly Copied[] = [];
  const sealedSoFar: SealedDestination[] = [];
  let sealed: readonly SealedDestination[] = [];
  try {
    story.phase = 'prepare';
    const taken = await takeHandles(run, plan, tried);
    const recoveryPoint = taken[0]!.handle.takenAt;
    begun = setsOf(run, found, recoveryPoint);
    const { ready, refused } = await beginSets(run, plan, begun, recoveryPoint);
    story.setIds = [begun[0]!.setId];

    story.phase = 'copy';
    copied = await copyAll(run, plan, request.full === true, taken, ready, story);

    story.phase = 'seal';
    sealed = await sealAll(run, plan, ready, recoveryPoint, copied, sealedSoFar);
    story.phase = 'verify';
    const destinations = [...(await verifyAll(run, plan, sealed)), ...[...absent, ...refused].map(({ name, failure }) => ({ name, setId: begun[0]!.setId, state: 'failed' as const, failure }))];
    outcome = report(run, plan, story, recoveryPoint, copied, destinations);
    return outcome;
  } catch (error) {
    // Cancelled while one destination was waited for: what was sealed at the others stays.
    if (isCancellation(error) && sealed.length === 0 && sealedSoFar.length > 0 && patched('sealed-stays')) sealed = sealedSoFar;
    if (isCancellation(error)) story.failures.push({ code: 'E_CANCELLED', message: `run ${run.runId} was cancelled`, hint: 'start it again with: mrs-backup task run' });
    else story.failures.push(failureOf(error));
    throw isCancellation(error) ? error : fail(story.failures.at(-1)!);
  } finally {
    story.phase = 'release';
    await CancellationScope.nonCancellable(() => release(run, plan, tried, copied, begun, sealed, outcome, story));
    story.phase = 'done';
    closeStory(outcome);
  }
}

interface Copied {
  readonly ref: PlannedSource;
  readonly superseded: FoundParent['superseded'];
  readonly result: CopySourceResult | undefined;
  readonly failure: RunFailure | undefined;
  readonly seconds: number;
}

type SealedDestination = { readonly ref: DestinationRef; readonly failure?: RunFailure };

/**
 * Seconds: one consistency point for all sources, in the order of the plan (what points before what is pointed at).
 * `tried` is told before each: what fails, or is cancelled, may have been taken all the same.
 */
async function takeHandles(run: RunRef, plan: BackupPlan, tried: PlannedSource[]): Promise<readonly { ref: PlannedSource; handle: Handle }[]> {
  const taken: { ref: PlannedSource; handle: Handle }[] = [];
  for (const ref of plan.sources) {
    tried.push(ref);
    taken.push({ ref, handle: await onCluster(plan.cluster, 'brief', 'backup').takeHandle(run, ref, handleNames.of(plan.task, run.runKey)) });
  }
  return taken;
}

/** One child per source instance, side by side. A source that fails does not take the others with it. */
async function copyAll(run: RunRef, plan: BackupPlan, full: boolean, taken: readonly { ref: PlannedSource; handle: Handle }[], destinations: readonly DestinationRef[], story: Story): Promise<readonly Copied[]> {
  const copied = await allEnded(taken.map(async ({ ref, handle }): Promise<Copied> => {
    const started = Date.now();
    let parent: ParentRef | null = null;
    let superseded: FoundParent['superseded'] = [];
    try {
      const found = await findParent(plan, ref, destinations);
      superseded = found.superseded;
      parent = full || !plan.incremental ? null : plan.fullEvery !== null && found.parent !== null && found.parent.incrementsSinceFull + 1 >= plan.fullEvery ? null : found.parent;
      const copy = { run, task: plan.task, ref, handle, attempt: 1, destinations, parent, ...(parent !== null || full || found.because === undefined ? {} : { noParentBecause: found.because }) };
      const result = await copyInstance(copy, story);
      return { ref, superseded, result, failure: undefined, seconds: (Date.now() - started) / 1000 };
    } catch (error) {
      if (isCancellation(error)) throw error;
      const failure = failureOf(error, `${ref.source}@${ref.instance}`);
      story.failures.push(failure);
      return { ref, superseded, result: undefined, failure, seconds: (Date.now() - started) / 1000 };
    }
  }));
  const first = copied.find((each) => each.failure !== undefined)?.failure;
  if (copied.every((each) => each.result === undefined) && first !== undefined) throw fail(first);
  return copied;
}

/** One of several destinations that cannot be asked costs the others an increment, not their set: copying finds out whether it is lost. */
async function findParent(plan: BackupPlan, ref: PlannedSource, destinations: readonly DestinationRef[]): Promise<FoundParent> {
  try {
    return await onCluster(plan.cluster, 'patient', 'backup').findParent(ref, plan.task, destinations.map((each) => each.name));
  } catch (error) {
    if (isCancellation(error) || destinations.length === 1 || destinationOf(error) === undefined) throw error;
    return { parent: null, because: failureOf(error).message, superseded: [] };
  }
}

async function copyInstance(copy: CopyTask, story: Story): Promise<CopySourceResult> {
  const { cluster, source, instance } = copy.ref;
  const held = { workflowId: workflowIds.copySource(cluster, source, instance), source, instance, by: `another run copies ${source}@${instance} of ${cluster}` };
  return await holdInstance<typeof copySource>(held, story, (workflowId) => startChild(copySource, {
    workflowId,
    args: [{ copy, steering: story.steer.now }],
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    staticSummary: `${source}@${instance} of ${cluster} to ${copy.destinations.map((each) => each.name).join(', ')}`,
  }));
}

/** A destination is sealed when every source that was copied at all is there. `soFar` is told of each that is, also when the rest is cancelled. */
async function sealAll(run: RunRef, plan: BackupPlan, destinations: readonly DestinationRef[], recoveryPoint: string, copied: readonly Copied[], soFar: SealedDestination[]): Promise<readonly SealedDestination[]> {
  const sealed = await allEnded(destinations.map(async (ref): Promise<SealedDestination> => {
    const lost = copied.flatMap((each) => each.result?.lost ?? []).find((each) => each.destination === ref.name);
    if (lost !== undefined) return { ref, failure: lost.failure };
    const seals = copied.flatMap((each) => each.result?.seals.filter((one) => one.destination === ref.name).map((one) => one.seal) ?? []);
    try {
      await onCluster(plan.cluster, 'patient', 'backup').sealSet(run, plan, ref, recoveryPoint, seals);
      soFar.push({ ref });
      return { ref };
    } catch (error) {
      if (isCancellation(error) || destinations.length === 1) throw error;
      return { ref, failure: failureOf(error, ref.name) };
    }
  }));
  const failure = sealed[0]?.failure;
  if (failure !== undefined && sealed.every((each) => each.failure !== undefined)) throw fail(failure);
  return sealed;
}

/** The level the task asks for, over what is now a set. `presence` was seen while sealing. */
async function verifyAll(run: RunRef, plan: BackupPlan, sealed: readonly SealedDestination[]): Promise<BackupOutcome['destinations']> {
  return await allEnded(sealed.map(async ({ ref, failure }) => {
    if (failure !== undefined) return { name: ref.name, setId: ref.setId, state: 'failed' as const, failure };
    try {
      const result = await onCluster(plan.cluster, 'patient', 'verify').verifySet(ref.name, ref.setId, plan.verify, { cluster: plan.cluster, task: plan.task, runKey: run.runKey });
      return { name: ref.name, setId: ref.setId, state: 'sealed' as const, verified: plan.verify, damage: result.damage };
    } catch (error) {
      if (isCancellation(error)) throw error;
      return { name: ref.name, setId: ref.setId, state: 'sealed' as const, failure: failureOf(error, `verification at ${ref.name}`) };
    }
  }));
}

/** What every run owes, however it ended: handles, staging, sets that were not sealed, a line in the history. */
async function release(run: RunRef, plan: BackupPlan, tried: readonly PlannedSource[], copied: readonly Copied[], begun: readonly DestinationRef[], at: readonly SealedDestination[], outcome: BackupOutcome | undefined, story: Story): Promise<void> {
  const owed = onCluster(plan.cluster, 'owed', 'backup');
  // What is sealed stays, whatever came after.
  const sealed = at.filter((each) => each.failure === undefined).map((each) => each.ref.name);
  const duties: Promise<void>[] = [];
  const name = handleNames.of(plan.task, run.runKey);
  for (const ref of tried) {
    const mine = copied.find((each) => each.ref === ref);
    const isSealed = sealed.length > 0 && mine?.result !== undefined;
    if (!(ref.keepHandle && isSealed)) duties.push(owed.dropHandle(ref, name));
    // The new set's handle is what the next increment starts from; where there is none, or not everywhere, it is still the old one's.
    for (const old of isSealed && sealed.length === begun.length ? mine.superseded : []) {
      if (old.name !== name) duties.push(owed.dropHandle({ ...ref, selection: old.selection }, old.name));
    }
  }
  for (const ref of begun) {
    const unsealed = sealed.includes(ref.name) ? null : { cluster: plan.cluster, task: plan.task, setId: ref.setId };
    // A destination that was given up for the others is not waited for again.
    const patience = sealed.length > 0 && unsealed !== null ? 'once' : 'owed';
    duties.push(cleanAndRecord(run, plan, ref, unsealed, outcome, story, patience));
  }
  for (const [index, duty] of (await Promise.allSettled(duties)).entries()) {
    if (duty.status === 'rejected') story.failures.push(failureOf(duty.reason, `release ${index}`));
  }
}

async function cleanAndRecord(run: RunRef, plan: BackupPlan, ref: DestinationRef, unsealed: { cluster: string; task: string; setId: string } | null, outcome: BackupOutcome | undefined, story: Story, patience: 'owed' | 'once'): Promise<void> {
  const owed = onCluster(plan.cluster, patience, 'backup');
  await owed.cleanDestination(run, ref.name, unsealed, { cluster: plan.cluster, task: plan.task });
  const cancelled = story.failures.some((each) => each.code === 'E_CANCELLED');
  await owed.recordHistory(run, ref.name, outcome ?? { runId: run.runId, outcome: cancelled ? 'cancelled' : 'failed', failures: story.failures });
}

function report(run: RunRef, plan: BackupPlan, story: Story, recoveryPoint: string, copied: readonly Copied[], destinations: BackupOutcome['destinations']): BackupOutcome {
  const sources = copied.flatMap(({ ref, result, seconds }): SourceOutcome[] => {
    const seal = result?.seals[0]?.seal;
    if (result === undefined || seal === undefined) return [];
    return [{
      source: ref.source, instance: ref.instance, kind: seal.kind, ...(seal.fellBack === undefined ? {} : { fellBack: seal.fellBack }),
      recoveryPoint: seal.recoveryPoint, entries: seal.entries, files: seal.files, bytes: seal.bytes, storedBytes: seal.storedBytes,
      readBytes: result.done.readBytes, gaps: seal.gaps, warnings: [...result.warnings, ...seal.warnings], seconds,
    }];
  });
  const failures = [...story.failures, ...destinations.flatMap((each) => each.failure ?? [])];
  const whole = failures.length === 0 && sources.every((each) => each.gaps === 0) && destinations.every((each) => (each.damage ?? 0) === 0);
  return {
    runId: run.runId, cluster: plan.cluster, task: plan.task, outcome: whole ? 'sealed' : 'partial', setIds: [...new Set(destinations.filter((each) => each.state === 'sealed').map((each) => each.setId))],
    recoveryPoint, destinations, sources, failures, seconds: (Date.now() - story.startedMs) / 1000,
  };
}

function runRef(): RunRef {
  const info = workflowInfo();
  return { runId: info.workflowId, runKey: runKey() };
}

/** The last thing a run says of itself in the Temporal UI. */
function closeStory(outcome: BackupOutcome | undefined): void {
  if (outcome === undefined) {
    setSearchAttributes({ BackupOutcome: 'failed' });
    return;
  }
  const sum = (of: (each: SourceOutcome) => number) => outcome.sources.reduce((total, each) => total + of(each), 0);
  setSearchAttributes({
    BackupOutcome: outcome.outcome,
    BackupSet: outcome.setIds[0] ?? '',
    BackupKind: outcome.sources.every((each) => each.kind === 'full') ? 'full' : 'incremental',
    RecoveryPoint: outcome.recoveryPoint,
    BackupBytes: sum((each) => each.bytes),
    BackupFiles: sum((each) => each.files),
  });
  setCurrentDetails(`**${outcome.outcome}** ${outcome.setIds.join(', ')}\n\n${outcome.sources.map((each) => `- ${each.source}@${each.instance}: ${each.files} files, ${each.bytes} bytes, ${each.storedBytes} stored`).join('\n')}`);
}
