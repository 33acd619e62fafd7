import type { ExistingPolicy } from '../../../contracts/restore.ts';
import { Failure } from '../../../contracts/failure.ts';
import type { RestoreOutcome } from '../../../contracts/restoration.ts';
import type { CommandContext } from '../context.ts';
import { option, repeated } from '../option.ts';
import type { Noun } from '../program.ts';
import { readMapping } from '../readMapping.ts';
import { printOutcome } from '../runResult.ts';
import { attach, withEngine } from '../withEngine.ts';

const common = () => [
  option('--from <cluster>', 'the cluster whose sets are taken').makeOptionMandatory(),
  option('--to <cluster>', 'the mirrored cluster').makeOptionMandatory(),
  option('--at <time>', 'ISO 8601 time, or latest: the newest sets at or before it').default('latest'),
  repeated('--task <name>', 'only sets of this task; repeatable (else of all tasks of the cluster)'),
  option('--map <file>', 'YAML with instances, paths, databases, owners'),
  option('--detach', 'return the run id at once'),
];

export const mirrorCommands: Noun = {
  name: 'mirror',
  description: 'Bring a whole cluster into a mirrored one, and compare the two',
  verbs: [
    {
      usage: 'run',
      description: 'Restore the newest sets of every source instance into the mirrored cluster, in dependency order, and report parity',
      options: [...common(), option('--existing <policy>', 'what to do where a target exists').choices(['fail', 'skip', 'force']).default('fail')],
      examples: ['mirror run --from prod --to standby', 'mirror run --from prod --to standby --at 2026-11-24T01:00:00Z --existing force --output json'],
      action: (context, _args, options) => mirror(context, options, false),
    },
    {
      usage: 'compare',
      description: 'Compare the mirrored cluster with the newest sets, without changing anything; exit code 3 when they differ',
      options: common(),
      examples: ['mirror compare --from prod --to standby', 'mirror compare --from prod --to standby --output json'],
      action: (context, _args, options) => mirror(context, options, true),
    },
  ],
};

async function mirror(context: CommandContext, options: Readonly<Record<string, unknown>>, compareOnly: boolean): Promise<void> {
  const { from, to, at, task, map, existing, detach } = options as { from: string; to: string; at: string; task?: readonly string[]; map?: string; existing?: ExistingPolicy; detach?: boolean };
  if (at !== 'latest' && Number.isNaN(Date.parse(at))) throw new Failure('E_USAGE', `${at} is not a time`, { hint: 'write for example 2026-11-24T01:00:00Z, or latest' });
  const mapping = await readMapping(map);
  await withEngine(context, async (engine, config) => {
    // The cluster whose sets are taken may be lost and gone from the configuration; the one that is written to may not.
    if (config.clusters[to] === undefined) throw new Failure('E_CONFIG', `the configuration has no cluster ${to}`, { hint: `clusters: ${Object.keys(config.clusters).join(', ') || 'none'}` });
    const { startMirror } = await import('../../startRun.ts');
    const runId = await startMirror(engine, { from, to, at: at === 'latest' ? at : new Date(at).toISOString(), tasks: task ?? [], mapping, existing: existing ?? 'fail', limits: { bandwidth: null, parallel: 4 }, compareOnly });
    if (detach === true) return await context.output.result({ runId, outcome: 'running', sources: [], parity: [] }, () => runId);
    context.say(`run ${runId}`);
    await printOutcome(context, await attach<RestoreOutcome>(context, engine, runId));
  });
}
