import { continueAsNew, defineQuery, setHandler, workflowInfo } from '@temporalio/workflow';
import type { RestoreShardPhase, RestoreShards, RestoreTask } from '../contracts/activities.ts';
import { queries } from '../contracts/names.ts';
import type { RestoredSource } from '../contracts/restoration.ts';
import type { Limits, SourceProgress, Steering } from '../contracts/run.ts';
import { onCluster } from './onQueue.ts';
import { slidingWindow } from './slidingWindow.ts';
import { createSteer, obeySteering, steered, type Steer } from './steer.ts';
import { tellProgress } from './tellProgress.ts';

/** Argument of the child that restores one source instance. */
export interface RestoreSourceInput {
  readonly task: RestoreTask;
  readonly compareOnly: boolean;
  readonly steering: Steering;
  readonly soFar?: RestoreState;
}

type Stage = 'plan' | RestoreShardPhase | 'finish' | 'compareDirectories' | 'compareFiles' | 'done';

interface RestoreState {
  readonly stage: Stage;
  /** Next shard of the stage. */
  readonly next: number;
  readonly shards: RestoreShards | null;
  readonly startedMs: number;
  readonly entries: number;
  readonly bytes: number;
  readonly missing: number;
  readonly missingNames: readonly string[];
  readonly compared: number;
  readonly differences: number;
  readonly differing: readonly string[];
}

const mostNames = 100;

/** Restores one source instance: directories → files → finish → directories' attributes → compare. Nothing is put in place here. */
export async function restoreSource(input: RestoreSourceInput): Promise<RestoredSource> {
  const steer = createSteer(input.steering);
  let state: RestoreState = input.soFar ?? { stage: 'plan', next: 0, shards: null, startedMs: Date.now(), entries: 0, bytes: 0, missing: 0, missingNames: [], compared: 0, differences: 0, differing: [] };
  const progress = (): SourceProgress => progressOf(input.task, state);
  const keep = (next: RestoreState): void => {
    state = next;
    tellProgress(progress());
  };
  obeySteering(steer);
  setHandler(defineQuery<SourceProgress>(queries.sourceProgress), progress);

  const stages: readonly Stage[] = input.compareOnly ? ['plan', 'compareDirectories', 'compareFiles'] : ['plan', 'directories', 'files', 'finish', 'settle', 'compareDirectories', 'compareFiles'];
  for (const stage of stages.slice(Math.max(0, stages.indexOf(state.stage)))) {
    if (state.stage !== stage) keep({ ...state, stage, next: 0 });
    await perform(stage, input, state, steer, keep);
  }
  keep({ ...state, stage: 'done' });
  return resultOf(input.task, state);
}

async function perform(stage: Stage, input: RestoreSourceInput, state: RestoreState, steer: Steer, keep: (state: RestoreState) => void): Promise<void> {
  const { task } = input;
  const activities = onCluster(task.toCluster, 'patient', 'restore');
  if (stage === 'plan') {
    if (!input.compareOnly) await steered(steer, () => activities.beginRestore(task));
    keep({ ...state, shards: await steered(steer, () => activities.planRestoreShards(task)) });
  } else if (stage === 'finish') {
    await steered(steer, () => activities.finishRestore(task));
  } else {
    await performShards(stage, input, state, steer, keep);
  }
}

async function performShards(stage: Stage, input: RestoreSourceInput, start: RestoreState, steer: Steer, keep: (state: RestoreState) => void): Promise<void> {
  const { task } = input;
  const shards = start.shards!;
  const files = stage === 'files' || stage === 'compareFiles';
  const count = files ? shards.fileShards : shards.directoryShards;
  // Parents before children, and children before parents: directories go one shard after the other.
  const width = () => (files ? steer.now.limits.parallel : 1);
  let state = start;
  const next = await slidingWindow(start.next, count, width, async (index) => {
    const shard = stage === 'settle' ? count - 1 - index : index;
    const add = await steered(steer, (limits) => performShard(stage, task, shard, limits));
    state = add(state);
    keep(state);
  }, () => workflowInfo().continueAsNewSuggested);
  keep({ ...state, next });
  if (next < count) await continueAsNew<typeof restoreSource>({ ...input, steering: steer.now, soFar: { ...state, next } });
}

/** What a shard adds to the state there is when it ends: others end meanwhile. */
async function performShard(stage: Stage, task: RestoreTask, shard: number, limits: Limits): Promise<(state: RestoreState) => RestoreState> {
  const activities = onCluster(task.toCluster, 'patient', 'restore');
  if (stage === 'compareDirectories' || stage === 'compareFiles') {
    const result = await activities.compareShard(task, stage === 'compareFiles' ? 'files' : 'directories', shard, limits);
    return (state) => ({ ...state, compared: state.compared + result.compared, differences: state.differences + result.differences, differing: [...state.differing, ...result.differing].slice(0, mostNames) });
  }
  const result = await activities.restoreShard(task, stage as RestoreShardPhase, shard, limits);
  if (stage === 'settle') return (state) => state;
  return (state) => ({ ...state, entries: state.entries + result.entries, bytes: state.bytes + result.bytes, missing: state.missing + result.missing, missingNames: [...state.missingNames, ...result.missingNames].slice(0, mostNames) });
}

function resultOf(task: RestoreTask, state: RestoreState): RestoredSource {
  return {
    source: task.step.source, instance: task.step.toInstance, fromInstance: task.step.fromInstance,
    entries: state.entries, bytes: state.bytes, compared: state.compared, differences: state.differences, differing: state.differing,
    missing: state.missing, missingNames: state.missingNames, safetyPoint: null, seconds: (Date.now() - state.startedMs) / 1000,
  };
}

function progressOf(task: RestoreTask, state: RestoreState): SourceProgress {
  const comparing = state.stage === 'compareDirectories' || state.stage === 'compareFiles';
  const phase = state.stage === 'plan' || state.stage === 'finish' || state.stage === 'done' ? state.stage : comparing ? 'compare' : 'restore';
  const shards = state.shards === null ? 0 : state.shards.directoryShards + state.shards.fileShards;
  return {
    source: task.step.source, instance: task.step.toInstance, phase, files: comparing ? state.compared : state.entries, bytes: state.bytes, storedBytes: 0,
    totalFiles: state.shards?.entries ?? 0, totalBytes: state.shards?.bytes ?? 0, shards, shardsDone: state.next,
  };
}
