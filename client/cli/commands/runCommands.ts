import { Failure } from '../../../contracts/failure.ts';
import type { Limits } from '../../../contracts/run.ts';
import type { RunProgress } from '../../../contracts/run.ts';
import type { CommandContext } from '../context.ts';
import { bytesText, durationText, pairsText } from '../format.ts';
import { option, wholeNumber } from '../option.ts';
import type { Noun } from '../program.ts';
import { printOutcome } from '../runResult.ts';
import { attach, withEngine } from '../withEngine.ts';

export const runCommands: Noun = {
  name: 'run',
  description: 'Runs in progress and past: backups, restorations, mirrors, verifications',
  verbs: [
    {
      usage: 'list',
      description: 'Runs, newest first',
      options: [option('--task <name>', 'only of this task'), option('--cluster <name>', 'only of this cluster'), option('--running', 'only those in progress'), wholeNumber('--limit <n>', 'how many (default 20)')],
      examples: ['run list --running', 'run list --task nightly --limit 100 --output json'],
      async action(context, _args, options) {
        await withEngine(context, async (engine) => {
          const { listRuns } = await import('../../listRuns.ts');
          const { task, cluster, running, limit } = options as { task?: string; cluster?: string; running?: boolean; limit?: number };
          const runs = await listRuns(engine, { task, cluster, running, limit: limit ?? 20 });
          await context.output.result({ runs }, () => context.output.table({
            head: ['run', 'kind', 'state', 'outcome', 'started', 'time', 'size'],
            rows: runs.map((run) => [run.runId, run.kind, run.state, run.outcome ?? '', run.startedAt, durationText(run.seconds), bytesText(run.bytes)]),
            empty: 'no run',
          }), runs);
        });
      },
    },
    {
      usage: 'show <run>',
      description: 'A run: phase, progress, what it waits for, what failed',
      examples: ['run show backup/prod/nightly/20261124T010000Z', 'run show restore/plan-1 --output json'],
      async action(context, [runId = '']) {
        await withEngine(context, async (engine) => {
          const { showRun } = await import('../../runView.ts');
          const view = await showRun(engine, runId);
          await context.output.result(view, () => [pairsText([
            ['run', view.runId], ['kind', view.kind], ['task', view.task], ['cluster', view.cluster], ['state', view.state], ['phase', view.phase], ['waits for', view.waitingFor],
            ['files', `${view.progress.files} of ${view.progress.totalFiles}`], ['size', `${bytesText(view.progress.bytes)} of ${bytesText(view.progress.totalBytes)}`],
            ['rate', view.progress.ratePerSecond === null ? null : `${bytesText(view.progress.ratePerSecond)}/s`], ['ETA', durationText(view.progress.etaSeconds)],
            ['sets', view.setIds.join(', ')], ['started', view.startedAt], ['ended', view.closedAt],
          ]), ...view.sources.map((each) => `  ${each.source}@${each.instance}: ${each.phase}, ${each.files}/${each.totalFiles} files, ${bytesText(each.bytes)}/${bytesText(each.totalBytes)}`),
          ...view.failures.map((each) => `error[${each.code}]: ${each.message}\nhint: ${each.hint}`)].join('\n'));
        });
      },
    },
    {
      usage: 'watch <run>',
      description: 'Follow a run until it ends, and end as it does; Ctrl-C detaches, the run goes on',
      examples: ['run watch backup/prod/nightly/20261124T010000Z', 'run watch restore/plan-1 --quiet --output json'],
      async action(context, [runId = '']) {
        await withEngine(context, async (engine) => printOutcome(context, await attach(context, engine, runId)));
      },
    },
    {
      usage: 'pause <run>',
      description: 'Stop a run at the last finished object of each shard; it stays paused over restarts',
      examples: ['run pause backup/prod/nightly/20261124T010000Z', 'run pause restore/plan-1 --output json'],
      async action(context, [runId = '']) {
        await withEngine(context, async (engine) => steered(context, await (await import('../../steerRun.ts')).pauseRun(engine, runId)));
      },
    },
    {
      usage: 'resume <run>',
      description: 'A paused run goes on',
      examples: ['run resume backup/prod/nightly/20261124T010000Z', 'run resume restore/plan-1 --output json'],
      async action(context, [runId = '']) {
        await withEngine(context, async (engine) => steered(context, await (await import('../../steerRun.ts')).resumeRun(engine, runId)));
      },
    },
    {
      usage: 'cancel <run>',
      description: 'End a run; it cleans up after itself',
      options: [option('--wait', 'until it has')],
      examples: ['run cancel backup/prod/nightly/20261124T010000Z', 'run cancel restore/plan-1 --wait'],
      async action(context, [runId = ''], options) {
        await withEngine(context, async (engine) => {
          const { cancelRun } = await import('../../steerRun.ts');
          await cancelRun(engine, runId);
          let state: 'cancelling' | 'cancelled' | 'completed' = 'cancelling';
          if (options['wait'] === true) {
            state = await attach(context, engine, runId).then(() => 'completed' as const, (error: unknown) => {
              if (error instanceof Failure && error.code === 'E_CANCELLED') return 'cancelled' as const;
              throw error;
            });
          }
          await context.output.result({ runId, state }, () => `${runId}: ${state === 'completed' ? 'completed before it could be cancelled' : state}`);
        });
      },
    },
    {
      usage: 'limit <run>',
      description: 'Change the bandwidth or the parallelism of a run in progress',
      options: [option('--bandwidth <rate>', 'such as 50MB/s, over the whole run; none lifts the limit'), wholeNumber('--parallel <n>', 'shards at once per source instance')],
      examples: ['run limit backup/prod/nightly/20261124T010000Z --bandwidth 50MB/s', 'run limit restore/plan-1 --bandwidth none --parallel 2'],
      async action(context, [runId = ''], options) {
        const { bandwidth, parallel } = options as { bandwidth?: string; parallel?: number };
        const { parseRate } = await import('../../../config/size.ts');
        const rate = bandwidth === undefined || bandwidth === 'none' ? null : parseRate(bandwidth);
        if (rate === undefined) throw new Failure('E_USAGE', `${bandwidth} is not a rate`, { hint: 'write for example 50MB/s, 100 MiB/s or none' });
        if (bandwidth === undefined && parallel === undefined) throw new Failure('E_USAGE', 'nothing to change', { hint: 'give --bandwidth, --parallel or both' });
        const limits: Partial<Limits> = { ...(bandwidth === undefined ? {} : { bandwidth: rate }), ...(parallel === undefined ? {} : { parallel }) };
        await withEngine(context, async (engine) => steered(context, await (await import('../../steerRun.ts')).limitRun(engine, runId, limits)));
      },
    },
  ],
};

async function steered(context: CommandContext, { runId, phase, steering }: RunProgress): Promise<void> {
  const { paused, limits } = steering;
  await context.output.result({ runId, state: paused ? 'paused' : 'running', phase, limits }, () => `${runId}: ${paused ? 'paused' : 'running'}, bandwidth ${limits.bandwidth === null ? 'unlimited' : `${bytesText(limits.bandwidth)}/s`}, parallel ${limits.parallel}`);
}
