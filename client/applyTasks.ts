import { ScheduleNotFoundError, ScheduleOverlapPolicy, type ScheduleOptions, type ScheduleSpec } from '@temporalio/client';
import type { Config, TaskConfig } from '../config/config.ts';
import { controlQueue, workflowIds, workflowNames } from '../contracts/names.ts';
import type { Engine } from './engine.ts';
import { scheduleSpec } from './scheduleSpec.ts';

export interface ApplyReport {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly unchanged: readonly string[];
  readonly deleted: readonly string[];
}

const prefix = 'task/';

/**
 * Makes the engine's schedules what the configuration says: by id, with what was applied last kept in the schedule's memo.
 * A schedule that was suspended stays suspended. Running runs go on.
 * @param dryRun only says what would be done.
 */
export async function applyTasks(engine: Engine, config: Config, dryRun: boolean): Promise<ApplyReport> {
  const wanted = new Map(Object.values(config.tasks).filter((task) => task.schedule !== undefined).map((task) => [workflowIds.schedule(task.cluster, task.name), task]));
  const existing = await listScheduleIds(engine);
  const report = { created: [] as string[], updated: [] as string[], unchanged: [] as string[], deleted: [] as string[] };
  for (const [id, task] of wanted) {
    const options = optionsOf(id, task);
    const applied = await appliedTo(engine, id);
    if (applied === undefined) {
      report.created.push(id);
      if (!dryRun) await engine.call(() => engine.client.schedule.create(options));
    } else if (applied === fingerprint(task)) report.unchanged.push(id);
    else {
      report.updated.push(id);
      // What was applied is kept in the action's own memo: a schedule's memo cannot be changed.
      if (!dryRun) await engine.call(() => engine.client.schedule.getHandle(id).update((before) => ({ spec: options.spec, action: { ...options.action, args: options.action.args ?? [] }, policies: options.policies ?? {}, state: before.state })));
    }
  }
  for (const id of existing) {
    if (wanted.has(id)) continue;
    report.deleted.push(id);
    if (!dryRun) await engine.call(() => engine.client.schedule.getHandle(id).delete());
  }
  return report;
}

async function listScheduleIds(engine: Engine): Promise<string[]> {
  return await engine.call(async () => {
    const ids: string[] = [];
    for await (const summary of engine.client.schedule.list()) if (summary.scheduleId.startsWith(prefix)) ids.push(summary.scheduleId);
    return ids;
  });
}

/** What was applied last; undefined when there is no such schedule. */
async function appliedTo(engine: Engine, id: string): Promise<string | undefined> {
  try {
    const { action } = await engine.call(async () => {
      try {
        return await engine.client.schedule.getHandle(id).describe();
      } catch (error) {
        if (error instanceof ScheduleNotFoundError) return { action: undefined };
        throw error;
      }
    });
    if (action === undefined) return undefined;
    return String((action.memo as { appliedSchedule?: unknown } | undefined)?.appliedSchedule ?? '');
  } catch (error) {
    if ((error as { code?: string }).code === 'E_RUN_NOT_FOUND') return undefined;
    throw error;
  }
}

function fingerprint(task: TaskConfig): string {
  return JSON.stringify({ cluster: task.cluster, task: task.name, schedule: task.schedule });
}

function optionsOf(scheduleId: string, task: TaskConfig): ScheduleOptions {
  const schedule = task.schedule;
  if (schedule === undefined) throw new TypeError(`task ${task.name} has no schedule`);
  return {
    scheduleId,
    spec: scheduleSpec(schedule) as unknown as ScheduleSpec,
    action: {
      type: 'startWorkflow', workflowType: workflowNames.backup, workflowId: `backup/${task.cluster}/${task.name}/scheduled`, taskQueue: controlQueue,
      args: [{ cluster: task.cluster, task: task.name }], memo: { appliedSchedule: fingerprint(task) }, staticSummary: `scheduled run of ${task.name}`,
    },
    policies: { overlap: schedule.overlap === 'skip' ? ScheduleOverlapPolicy.SKIP : ScheduleOverlapPolicy.BUFFER_ONE, catchupWindow: schedule.catchUpMs, pauseOnFailure: false },
  };
}
