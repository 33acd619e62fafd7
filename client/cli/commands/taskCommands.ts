import type { BackupOutcome } from '../../../contracts/run.ts';
import { bytesText, durationText, pairsText } from '../format.ts';
import { option, wholeNumber } from '../option.ts';
import type { Noun } from '../program.ts';
import { printOutcome } from '../runResult.ts';
import { attach, withEngine } from '../withEngine.ts';

export const taskCommands: Noun = {
  name: 'task',
  description: 'Backup tasks: what is backed up, where to and when',
  verbs: [
    {
      usage: 'list',
      description: 'The tasks of the configuration, and whether they run by themselves',
      examples: ['task list', 'task list --output json'],
      async action(context) {
        await withEngine(context, async (engine, config) => {
          const { showSchedule } = await import('../../taskSchedules.ts');
          const tasks: { task: string; cluster: string; sources: string[]; destinations: readonly string[]; schedule: string; nextRun: string | null }[] = [];
          for (const task of Object.values(config.tasks)) {
            const schedule = await showSchedule(engine, task);
            tasks.push({ task: task.name, cluster: task.cluster, sources: task.sources.map((ref) => `${ref.source}@${ref.instance}`), destinations: task.destinations, schedule: schedule.state, nextRun: schedule.nextRuns[0] ?? null });
          }
          await context.output.result({ tasks }, () => context.output.table({
            head: ['task', 'cluster', 'sources', 'destinations', 'schedule', 'next run'],
            rows: tasks.map((each) => [each.task, each.cluster, each.sources.join(', '), each.destinations.join(', '), each.schedule, each.nextRun ?? '']),
            empty: 'no task is configured',
          }), tasks);
        });
      },
    },
    {
      usage: 'show <name>',
      description: 'A task, its schedule and its last runs',
      examples: ['task show nightly', 'task show nightly --output json'],
      async action(context, [name = '']) {
        await withEngine(context, async (engine, config) => {
          const [{ showSchedule }, { listRuns }, { taskOf }] = await Promise.all([import('../../taskSchedules.ts'), import('../../listRuns.ts'), import('../../startRun.ts')]);
          const task = taskOf(config, name);
          const schedule = await showSchedule(engine, task);
          const runs = await listRuns(engine, { kind: 'backup', task: name, cluster: task.cluster, limit: 5 });
          await context.output.result({ ...task, task: name, scheduleState: schedule, runs }, () => pairsText([
            ['task', name], ['cluster', task.cluster], ['sources', task.sources.map((ref) => `${ref.source}@${ref.instance}`).join(', ')], ['destinations', task.destinations.join(', ')],
            ['verify', task.verify], ['schedule', schedule.state], ['note', schedule.note], ['next runs', schedule.nextRuns.join(', ')],
            ['last runs', runs.map((run) => `${run.runId} ${run.outcome ?? run.state}`).join(', ')],
          ]));
        });
      },
    },
    {
      usage: 'apply',
      description: 'Make the schedules of the engine what the configuration says',
      options: [option('--dry-run', 'only say what would be done')],
      examples: ['task apply --dry-run', 'task apply --output json'],
      async action(context, _args, options) {
        await withEngine(context, async (engine, config) => {
          const { applyTasks } = await import('../../applyTasks.ts');
          const dryRun = options['dryRun'] === true;
          const report = await applyTasks(engine, config, dryRun);
          await context.output.result({ dryRun, ...report }, () => {
            const lines = (['created', 'updated', 'deleted', 'unchanged'] as const).flatMap((word) => report[word].map((id) => `${dryRun && word !== 'unchanged' ? 'would be ' : ''}${word}: ${id}`));
            return lines.join('\n') || 'no task has a schedule';
          });
        });
      },
    },
    {
      usage: 'run <name>',
      description: 'Start a run of a task now and follow it; Ctrl-C detaches, the run goes on',
      options: [option('--full', 'read everything, whatever the policy says'), option('--detach', 'return the run id at once')],
      examples: ['task run nightly', 'task run nightly --full --detach --output json'],
      async action(context, [name = ''], options) {
        await withEngine(context, async (engine, config) => {
          const { startBackup, taskOf } = await import('../../startRun.ts');
          const task = taskOf(config, name);
          const runId = await startBackup(engine, { cluster: task.cluster, task: name, ...(options['full'] === true ? { full: true } : {}) });
          if (options['detach'] === true) return await context.output.result({ runId, setIds: [], outcome: 'running', sources: [] }, () => runId);
          context.say(`run ${runId}`);
          await printOutcome(context, await attach<BackupOutcome>(context, engine, runId));
        });
      },
    },
    {
      usage: 'suspend <name>',
      description: 'No run of the task starts by itself any more; runs in progress go on',
      options: [option('--note <text>', 'why, for the others')],
      examples: ['task suspend nightly', 'task suspend nightly --note "cluster upgrade"'],
      async action(context, [name = ''], options) {
        await withEngine(context, async (engine, config) => {
          const [{ suspendTask }, { taskOf }] = await Promise.all([import('../../taskSchedules.ts'), import('../../startRun.ts')]);
          await suspendTask(engine, taskOf(config, name), typeof options['note'] === 'string' ? options['note'] : 'suspended by hand');
          await context.output.result({ task: name, schedule: 'suspended' }, () => `${name}: suspended`);
        });
      },
    },
    {
      usage: 'resume <name>',
      description: 'The task runs by itself again',
      examples: ['task resume nightly', 'task resume nightly --output json'],
      async action(context, [name = '']) {
        await withEngine(context, async (engine, config) => {
          const [{ resumeTask }, { taskOf }] = await Promise.all([import('../../taskSchedules.ts'), import('../../startRun.ts')]);
          await resumeTask(engine, taskOf(config, name));
          await context.output.result({ task: name, schedule: 'active' }, () => `${name}: active`);
        });
      },
    },
    {
      usage: 'stop <name>',
      description: 'Cancel all runs of the task that are in progress; each cleans up after itself',
      examples: ['task stop nightly', 'task stop nightly --output json'],
      async action(context, [name = '']) {
        await withEngine(context, async (engine, config) => {
          const [{ listRuns }, { cancelRun }, { taskOf }] = await Promise.all([import('../../listRuns.ts'), import('../../steerRun.ts'), import('../../startRun.ts')]);
          const task = taskOf(config, name);
          const runs = await listRuns(engine, { kind: 'backup', task: name, cluster: task.cluster, running: true, limit: 100 });
          for (const run of runs) await cancelRun(engine, run.runId);
          const stopped = runs.map((run) => run.runId);
          await context.output.result({ task: name, stopped }, () => stopped.map((runId) => `cancelling ${runId}`).join('\n') || `${name}: no run is in progress`);
        });
      },
    },
    {
      usage: 'history <name>',
      description: 'The runs of a task that the engine still knows, newest first',
      options: [wholeNumber('--limit <n>', 'how many (default 20)')],
      examples: ['task history nightly', 'task history nightly --limit 100 --output jsonl'],
      async action(context, [name = ''], options) {
        await withEngine(context, async (engine, config) => {
          const [{ listRuns }, { taskOf }] = await Promise.all([import('../../listRuns.ts'), import('../../startRun.ts')]);
          const task = taskOf(config, name);
          const runs = await listRuns(engine, { kind: 'backup', task: name, cluster: task.cluster, limit: typeof options['limit'] === 'number' ? options['limit'] : 20 });
          await context.output.result({ task: name, runs }, () => context.output.table({
            head: ['run', 'state', 'outcome', 'started', 'time', 'files', 'size'],
            rows: runs.map((run) => [run.runId, run.state, run.outcome ?? '', run.startedAt, durationText(run.seconds), run.files ?? '', bytesText(run.bytes)]),
            empty: 'no run yet',
          }), runs);
        });
      },
    },
  ],
};
