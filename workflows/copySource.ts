import { ActivityFailure, ApplicationFailure, continueAsNew, defineQuery, setHandler, workflowInfo } from '@temporalio/workflow';
import type { CopyPlan, CopyTask, ShardCopied, SourceSeal } from '../contracts/activities.ts';
import type { Handle } from '../contracts/handle.ts';
import { queries } from '../contracts/names.ts';
import type { DestinationRef, Limits, RunFailure, SourceProgress, Steering } from '../contracts/run.ts';
import { destinationOf, failureOf } from './failureOf.ts';
import { onCluster } from './onQueue.ts';
import { slidingWindow } from './slidingWindow.ts';
import { createSteer, obeySteering, steered, type Steer } from './steer.ts';
import { createStoppedShards, type StoppedShards } from './stoppedShards.ts';
import { tellProgress } from './tellProgress.ts';

/** Argument of the child that copies one source instance. */
export interface CopySourceInput {
  readonly copy: CopyTask;
  readonly steering: Steering;
  /** Continue as new after this many shards, for tests; otherwise when the engine suggests it. */
  readonly shardsPerRun?: number;
  readonly soFar?: CopyState;
}

/** What is carried from one run of a long copy to the next. */
interface CopyState {
  readonly handle: Handle;
  readonly attempt: number;
  readonly plan: CopyPlan | null;
  readonly nextShard: number;
  readonly done: ShardCopied & { readonly shards: number };
  readonly lost: readonly { readonly destination: string; readonly failure: RunFailure }[];
  readonly warnings: readonly string[];
}

export interface CopySourceResult {
  readonly handle: Handle;
  readonly plan: CopyPlan;
  readonly done: ShardCopied;
  /** One for each destination that got everything. */
  readonly seals: readonly { readonly destination: string; readonly seal: SourceSeal }[];
  readonly lost: readonly { readonly destination: string; readonly failure: RunFailure }[];
  readonly warnings: readonly string[];
}

const nothing = { entries: 0, files: 0, bytes: 0, readBytes: 0, storedBytes: 0, gaps: 0, shards: 0 };
/** A handle that is lost again and again has a reason that waiting does not cure. */
const maxAttempts = 3;
const maxCopiesOfShard = 3;

/** Copies one source instance from its handle to all destinations: plan → shards in a sliding window, each read back → index. */
export async function copySource(input: CopySourceInput): Promise<CopySourceResult> {
  const steer = createSteer(input.steering);
  let state: CopyState = input.soFar ?? { handle: input.copy.handle, attempt: input.copy.attempt, plan: null, nextShard: 0, done: nothing, lost: [], warnings: [] };
  let phase: SourceProgress['phase'] = 'plan';
  let stopped = createStoppedShards();
  obeySteering(steer);
  const progress = (): SourceProgress => progressOf(input.copy, state, phase, stopped);
  const enter = (next: SourceProgress['phase']): void => {
    phase = next;
    tellProgress(progress());
  };
  setHandler(defineQuery<SourceProgress>(queries.sourceProgress), progress);

  for (;;) {
    const copy = { ...input.copy, handle: state.handle, attempt: state.attempt, destinations: remaining(input.copy.destinations, state) };
    try {
      enter('plan');
      state = state.plan === null ? { ...state, plan: await plan(copy, steer) } : state;
      stopped = createStoppedShards();
      enter('copy');
      state = await copyShards(copy, state as CopyState & { plan: CopyPlan }, steer, stopped, input, (now) => {
        state = now;
        tellProgress(progress());
      });
      enter('index');
      const seals = await index(copy, state.plan as CopyPlan, steer);
      enter('done');
      const { shards: _, ...done } = state.done;
      return { handle: state.handle, plan: state.plan as CopyPlan, done, seals, lost: state.lost, warnings: state.warnings };
    } catch (error) {
      state = (await goOnWithoutHandle(input.copy, state, error)) ?? goOnWithoutDestination(copy, state, error);
    }
  }
}

async function plan(copy: CopyTask, steer: Steer): Promise<CopyPlan> {
  return await steered(steer, () => onCluster(copy.ref.cluster, 'patient', 'backup').planShards(copy));
}

/** Copies and reads back every shard; continues as new when the history grows long. */
async function copyShards(copy: CopyTask, start: CopyState & { readonly plan: CopyPlan }, steer: Steer, stopped: StoppedShards, input: CopySourceInput, keep: (state: CopyState) => void): Promise<CopyState> {
  let state: CopyState = start;
  let startedHere = 0;
  const width = () => steer.now.limits.parallel;
  const enough = () => workflowInfo().continueAsNewSuggested || startedHere >= (input.shardsPerRun ?? Infinity);
  const next = await slidingWindow(start.nextShard, start.plan.shards, width, async (shard) => {
    startedHere += 1;
    const result = await steered(steer, (limits) => stopped.during(shard, () => copyAndCheck(copy, shard, limits)));
    state = { ...state, done: add(state.done, result) };
    keep(state);
  }, enough);
  state = { ...state, nextShard: next };
  keep(state);
  if (next < start.plan.shards) await continueAsNew<typeof copySource>({ ...input, steering: steer.now, soFar: state });
  return state;
}

async function copyAndCheck(copy: CopyTask, shard: number, limits: Limits): Promise<ShardCopied> {
  const { copyShard, checkShard } = onCluster(copy.ref.cluster, 'patient', 'backup');
  for (let copies = 1; ; copies++) {
    const result = await copyShard(copy, shard, limits);
    if (result.isChecked === true || (await checkShard(copy, shard, limits))) return result;
    if (copies === maxCopiesOfShard) throw ApplicationFailure.nonRetryable(`shard ${shard} of ${copy.ref.source}@${copy.ref.instance} read back wrong ${copies} times`, 'E_CORRUPT');
  }
}

async function index(copy: CopyTask, plan: CopyPlan, steer: Steer): Promise<CopySourceResult['seals']> {
  const seals: { destination: string; seal: SourceSeal }[] = [];
  for (const destination of copy.destinations) {
    const seal = await steered(steer, () => onCluster(copy.ref.cluster, 'patient', 'backup').buildIndex(copy, plan, destination));
    seals.push({ destination: destination.name, seal });
  }
  return seals;
}

/** The point in time was removed under the run: take it anew, later, and say so. */
async function goOnWithoutHandle(copy: CopyTask, state: CopyState, error: unknown): Promise<CopyState | undefined> {
  const failure = error instanceof ActivityFailure ? failureOf(error) : undefined;
  if (failure?.code !== 'E_HANDLE_LOST' || state.attempt >= maxAttempts) return undefined;
  const handle = await onCluster(copy.ref.cluster, 'patient', 'backup').takeHandle(copy.run, copy.ref, copy.handle.name);
  const warning = `the point in time of ${state.handle.takenAt} was lost (${failure.message}); taken again at ${handle.takenAt}`;
  return { ...state, handle, attempt: state.attempt + 1, plan: null, nextShard: 0, done: nothing, warnings: [...state.warnings, warning] };
}

/** One of several destinations fails for good: the others go on. Otherwise the error goes up. */
function goOnWithoutDestination(copy: CopyTask, state: CopyState, error: unknown): CopyState {
  const destination = error instanceof ActivityFailure ? destinationOf(error) : undefined;
  if (destination === undefined || copy.destinations.length < 2) throw error;
  return { ...state, nextShard: 0, done: nothing, lost: [...state.lost, { destination, failure: failureOf(error, destination) }] };
}

function remaining(destinations: readonly DestinationRef[], state: CopyState): readonly DestinationRef[] {
  return destinations.filter((each) => !state.lost.some((one) => one.destination === each.name));
}

function add(sum: CopyState['done'], one: ShardCopied): CopyState['done'] {
  return {
    entries: sum.entries + one.entries, files: sum.files + one.files, bytes: sum.bytes + one.bytes, readBytes: sum.readBytes + one.readBytes,
    storedBytes: sum.storedBytes + one.storedBytes, gaps: sum.gaps + one.gaps, shards: sum.shards + 1,
  };
}

function progressOf(copy: CopyTask, state: CopyState, phase: SourceProgress['phase'], stopped: StoppedShards): SourceProgress {
  const { files, bytes, storedBytes } = stopped.sum();
  return {
    source: copy.ref.source, instance: copy.ref.instance, phase,
    files: state.done.files + files, bytes: state.done.bytes + bytes, storedBytes: state.done.storedBytes + storedBytes,
    totalFiles: state.plan?.files ?? 0, totalBytes: state.plan?.bytes ?? 0,
    shards: state.plan?.shards ?? 0, shardsDone: state.done.shards,
  };
}
