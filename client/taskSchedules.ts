import { Failure } from '../contracts/failure.ts';
import { workflowIds } from '../contracts/names.ts';
import type { TaskConfig } from '../config/config.ts';
import type { Engine } from './engine.ts';

/** The schedule of a task as the engine has it. */
export interface ScheduleView {
  /** `none`: not applied. */
  readonly state: 'active' | 'suspended' | 'none';
  readonly note: string | null;
  /** None while it is suspended. */
  readonly nextRuns: readonly string[];
  readonly recentRuns: readonly string[];
}

export async function showSchedule(engine: Engine, task: TaskConfig): Promise<ScheduleView> {
  try {
    const { state, info } = await engine.call(() => handleOf(engine, task).describe());
    return {
      state: state.paused ? 'suspended' : 'active', note: state.note ?? null, nextRuns: (state.paused ? [] : info.nextActionTimes).slice(0, 3).map((time) => time.toISOString()),
      recentRuns: info.recentActions.flatMap(({ action }) => (action.type === 'startWorkflow' ? [action.workflow.workflowId] : [])),
    };
  } catch (error) {
    if (isAbsent(error)) return { state: 'none', note: null, nextRuns: [], recentRuns: [] };
    throw error;
  }
}

/** No run starts by itself any more, until `resumeTask`. Runs in progress go on. */
export async function suspendTask(engine: Engine, task: TaskConfig, note: string): Promise<void> {
  await known(task, () => engine.call(() => handleOf(engine, task).pause(note)));
}

export async function resumeTask(engine: Engine, task: TaskConfig): Promise<void> {
  await known(task, () => engine.call(() => handleOf(engine, task).unpause('resumed by hand')));
}

function handleOf(engine: Engine, task: TaskConfig) {
  return engine.client.schedule.getHandle(workflowIds.schedule(task.cluster, task.name));
}

async function known(task: TaskConfig, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isAbsent(error)) throw new Failure('E_USAGE', `the task ${task.name} has no schedule at the engine`, { hint: 'mrs-backup task apply makes the schedules of the configuration', cause: error });
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && (error.name === 'ScheduleNotFoundError' || (error as { code?: string }).code === 'E_RUN_NOT_FOUND');
}
