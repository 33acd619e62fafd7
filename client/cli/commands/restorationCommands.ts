import { readFile, writeFile } from 'node:fs/promises';
import { Failure } from '../../../contracts/failure.ts';
import { workflowIds } from '../../../contracts/names.ts';
import type { RestorationPlan, RestorationSummary, RestoreOutcome } from '../../../contracts/restoration.ts';
import type { ExistingPolicy, RestoreMode } from '../../../contracts/restore.ts';
import type { CommandContext } from '../context.ts';
import { ExitCode } from '../failure.ts';
import { bytesText, durationText } from '../format.ts';
import { interruptible } from '../interruptible.ts';
import { option, repeated } from '../option.ts';
import type { Noun } from '../program.ts';
import { readMapping } from '../readMapping.ts';
import { printOutcome } from '../runResult.ts';
import { attach, withEngine } from '../withEngine.ts';

const modes: Readonly<Record<string, RestoreMode>> = { beside: 'beside', 'in-place': 'inPlace', mirror: 'mirror' };

export const restorationCommands: Noun = {
  name: 'restoration',
  description: 'Restore: plan, approve exactly that plan, run',
  verbs: [
    {
      usage: 'plan <set>',
      description: 'Say what a restoration of a set would do; changes nothing; the plan is kept at the destination and, with --out, in a file',
      options: [
        option('--to <cluster>', 'the cluster that is written to').makeOptionMandatory(),
        option('--destination <name>', 'where the set is (needed when several are configured)'),
        repeated('--source <source>', 'only this source (hdfs) or instance (hdfs@hacluster); repeatable'),
        repeated('--only <path>', 'only what lies at or below this path; repeatable'),
        option('--map <file>', 'YAML with instances, paths, databases, owners'),
        option('--mode <mode>', 'beside, in-place or mirror').choices(Object.keys(modes)).default('beside'),
        option('--existing <policy>', 'what to do where a target exists').choices(['fail', 'skip', 'force']).default('fail'),
        option('--out <file>', 'also write the plan into this file'),
      ],
      examples: ['restoration plan 20261124T010000Z-1a2b3c4d --to prod --source hdfs --only /data/sales', 'restoration plan 20261124T010000Z-1a2b3c4d --to standby --mode mirror --map map.yaml --out plan.json'],
      async action(context, [setId = ''], options) {
        const { to, destination, source, only, map, mode, existing, out } = options as { to: string; destination?: string; source?: string[]; only?: string[]; map?: string; mode: string; existing: ExistingPolicy; out?: string };
        const mapping = await readMapping(map);
        await withEngine(context, async (engine, config) => {
          if (config.clusters[to] === undefined) throw new Failure('E_CONFIG', `the configuration has no cluster ${to}`, { hint: `clusters: ${Object.keys(config.clusters).join(', ') || 'none'}` });
          const names = Object.keys(config.destinations);
          const where = destination ?? (names.length === 1 ? names[0] : undefined);
          if (where === undefined) throw new Failure('E_USAGE', 'several destinations are configured', { hint: `name one with --destination: ${names.join(', ')}` });
          const [{ planRestoration }, { destinationOf }] = await Promise.all([import('../../planRestoration.ts'), import('../../openRepositoryAt.ts')]);
          destinationOf(config, where);
          const summary = await interruptible((signal) => planRestoration(engine, {
            toCluster: to, sets: [{ destination: where, setId, sources: source ?? [] }], mode: modes[mode] ?? 'beside', existing, mapping, only: only ?? [], limits: { bandwidth: null, parallel: 4 }, compareOnly: false,
          }, signal), 'nothing was changed; plan again');
          const plan = await planDocument(context, summary);
          if (out !== undefined) await writeFile(out, `${JSON.stringify(plan, null, 2)}\n`);
          await context.output.result(plan, () => planText(plan));
          if (plan.refused !== undefined) throw new ExitCode(4);
        });
      },
    },
    {
      usage: 'approve <plan>',
      description: 'Approve exactly this plan: a file that `plan --out` wrote, or a plan id with its digest; the restoration then runs',
      options: [option('--digest <hex>', 'digest of the plan, when it is named by its id')],
      examples: ['restoration approve plan.json', 'restoration approve plan-20261124t020000z-1f2e --digest 4be1…'],
      async action(context, [name = ''], options) {
        const given = await planNamed(name);
        const digest = typeof options['digest'] === 'string' ? options['digest'] : given.digest;
        if (digest === undefined) throw new Failure('E_USAGE', 'an approval names the digest of the plan', { hint: 'give the plan file, or --digest' });
        await withEngine(context, async (engine) => {
          const { approveRestoration } = await import('../../steerRun.ts');
          await approveRestoration(engine, workflowIds.restore(given.planId), digest);
          await context.output.result({ planId: given.planId, digest, approved: true, runId: workflowIds.restore(given.planId) }, () => `${given.planId}: approved\nfollow it: mrs-backup restoration run ${given.planId}`);
        });
      },
    },
    {
      usage: 'run <plan>',
      description: 'Run an approved plan and follow it; exit code 5 when it is not approved',
      options: [option('--yes', 'approve the plan as it is now'), option('--detach', 'return the run id at once')],
      examples: ['restoration run plan.json --yes', 'restoration run plan-20261124t020000z-1f2e --output json'],
      async action(context, [name = ''], options) {
        const given = await planNamed(name);
        const runId = workflowIds.restore(given.planId);
        await withEngine(context, async (engine) => {
          const [{ planOf }, { approveRestoration }, { showRun }] = await Promise.all([import('../../planRestoration.ts'), import('../../steerRun.ts'), import('../../runView.ts')]);
          const view = await showRun(engine, runId);
          if (view.closedAt === null) {
            const plan = await planOf(engine, given.planId);
            if (plan === null) throw new Failure('E_APPROVAL', `the plan ${given.planId} does not answer yet${view.waitingFor === null ? '' : `: ${view.waitingFor}`}`, { hint: `mrs-backup run show ${runId}` });
            if (given.digest !== undefined && given.digest !== plan.digest) throw new Failure('E_PLAN_CHANGED', `the plan ${given.planId} has another digest than the file`);
            if (!plan.approved && options['yes'] !== true) throw new Failure('E_APPROVAL', `the plan ${given.planId} waits for approval`, { hint: `mrs-backup restoration approve ${name}${given.digest === undefined ? ` --digest ${plan.digest}` : ''}, or run it with --yes` });
            if (!plan.approved) await approveRestoration(engine, runId, plan.digest);
          }
          if (options['detach'] === true) return await context.output.result({ runId, outcome: 'running', sources: [] }, () => runId);
          await printOutcome(context, await attach<RestoreOutcome>(context, engine, runId));
        });
      },
    },
    {
      usage: 'list',
      description: 'Restorations: planned, waiting for approval, running, done',
      examples: ['restoration list', 'restoration list --output json'],
      async action(context) {
        await withEngine(context, async (engine) => {
          const { listRuns } = await import('../../listRuns.ts');
          const restorations = (await listRuns(engine, { kind: 'restore', limit: 50 })).map((run) => ({ planId: run.runId.replace(/^restore\//, ''), ...run }));
          await context.output.result({ restorations }, () => context.output.table({
            head: ['plan', 'cluster', 'state', 'outcome', 'started', 'time'],
            rows: restorations.map((each) => [each.planId, each.cluster ?? '', each.state, each.outcome ?? '', each.startedAt, durationText(each.seconds)]),
            empty: 'no restoration',
          }), restorations);
        });
      },
    },
  ],
};

/** A plan file, or an id. */
async function planNamed(name: string): Promise<{ readonly planId: string; readonly digest: string | undefined }> {
  if (!/[./]/.test(name)) return { planId: name, digest: undefined };
  try {
    const { planId, digest } = JSON.parse(await readFile(name, 'utf8')) as { planId?: unknown; digest?: unknown };
    if (typeof planId === 'string' && typeof digest === 'string') return { planId, digest };
  } catch (cause) {
    throw new Failure('E_USAGE', `cannot read the plan file ${name}`, { hint: 'give a file that restoration plan --out wrote, or a plan id', cause });
  }
  throw new Failure('E_USAGE', `${name} is not a plan file`, { hint: 'give a file that restoration plan --out wrote, or a plan id' });
}

/** The document at the destination, with its texts. */
async function planDocument(context: CommandContext, summary: RestorationSummary): Promise<RestorationPlan> {
  const [{ openRepositoryAt }, { readRestorationDocument }] = await Promise.all([import('../../openRepositoryAt.ts'), import('../../../backupset/restorationDocuments.ts')]);
  await using opened = await openRepositoryAt({ destination: summary.destination, config: () => context.config() });
  const plan = (await readRestorationDocument(opened.repository, summary.planId, 'plan')) as RestorationPlan;
  if (plan.digest !== summary.digest) throw new Failure('E_PLAN_CHANGED', `the plan ${summary.planId} at ${summary.destination} is not the one that was made`);
  return plan;
}

function planText(plan: RestorationPlan): string {
  const block = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`)]);
  return [
    `plan ${plan.planId}  digest ${plan.digest}`,
    ...block('in this order', plan.order.map((step) => `${step.source}@${step.fromInstance} → ${plan.request.toCluster} ${step.toInstance}: ${step.entries} entries, ${bytesText(step.bytes)}, recovery point ${step.recoveryPoint}`)),
    ...block('steps', plan.steps), ...block('conflicts', plan.conflicts), ...block('stops', plan.stops), ...block('losses', plan.losses),
    `space needed ${bytesText(plan.spaceNeeded)}${plan.spaceFree === null ? '' : `, free ${bytesText(plan.spaceFree)}`}`,
    plan.refused === undefined ? `next: mrs-backup restoration approve ${plan.planId} --digest ${plan.digest}` : `refused[${plan.refused.code}]: ${plan.refused.reason}`,
  ].join('\n');
}
