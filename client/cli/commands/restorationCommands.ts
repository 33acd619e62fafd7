import { readFile, writeFile } from 'node:fs/promises';
import { Failure } from '../../../contracts/failure.ts';
import { workflowIds } from '../../../contracts/names.ts';
import type { Config } from '../../../config/config.ts';
import type { RestorationPlan, RestorationSummary, RestoreOutcome } from '../../../contracts/restoration.ts';
import type { ExistingPolicy, RestoreMode } from '../../../contracts/restore.ts';
import { planDigest } from '../../../restoration/planDigest.ts';
import type { Engine } from '../../engine.ts';
import type { RunView } from '../../runView.ts';
import type { CommandContext } from '../context.ts';
import { ExitCode } from '../failure.ts';
import { bytesText, durationText } from '../format.ts';
import { interruptible } from '../interruptible.ts';
import { option, repeated } from '../option.ts';
import type { Noun } from '../program.ts';
import { readMapping } from '../readMapping.ts';
import { printOutcome } from '../runResult.ts';
import { attach, withEngine } from '../withEngine.ts';

export const restorationCommands: Noun = {
  name: 'restoration',
  description: 'Restore: plan, approve exactly that plan, run',
  verbs: [
    {
      usage: 'plan <set>',
      description: 'Say what a restoration of a set would do; changes nothing; the plan is kept at the destination and, with --out, in a file; exit code 4 when it is refused',
      options: [
        option('--to <cluster>', 'the cluster that is written to: beside what is there when it is the set\'s own, else under the same names').makeOptionMandatory(),
        option('--in-place', 'where the original is, which is kept under another name'),
        option('--destination <name>', 'where the set is (else looked for at all that are configured)'),
        repeated('--source <source>', 'only this source (hdfs) or instance (hdfs@hacluster); repeatable'),
        repeated('--only <path>', 'only what lies at or below this path; repeatable'),
        option('--map <file>', 'YAML with instances, paths, databases, owners'),
        option('--existing <policy>', 'what to do where a target exists').choices(['fail', 'skip', 'force']).default('fail'),
        option('--out <file>', 'also write the plan into this file'),
      ],
      examples: ['restoration plan 20261124T010000Z-1a2b3c4d --to prod --source hdfs --only /data/sales', 'restoration plan 20261124T010000Z-1a2b3c4d --to prod --in-place --out plan.json', 'restoration plan 20261124T010000Z-1a2b3c4d --to standby --map map.yaml'],
      async action(context, [setId = ''], options) {
        const { to, inPlace, destination, source, only, map, existing, out } = options as { to: string; inPlace?: boolean; destination?: string; source?: string[]; only?: string[]; map?: string; existing: ExistingPolicy; out?: string };
        const mapping = await readMapping(map);
        await withEngine(context, async (engine, config) => {
          if (config.clusters[to] === undefined) throw new Failure('E_CONFIG', `the configuration has no cluster ${to}`, { hint: `clusters: ${Object.keys(config.clusters).join(', ') || 'none'}` });
          const [{ planRestoration }, { destinationOf }] = await Promise.all([import('../../planRestoration.ts'), import('../../openRepositoryAt.ts')]);
          if (destination !== undefined) destinationOf(config, destination);
          const found = await whereIs(config, setId, destination);
          const mode: RestoreMode = inPlace === true ? 'inPlace' : found.cluster === to ? 'beside' : 'mirror';
          const summary = await interruptible((signal) => planRestoration(engine, {
            toCluster: to, sets: [{ destination: found.destination, setId, sources: source ?? [] }], mode, existing, mapping, only: (only ?? []).map((path) => (path.length > 1 ? path.replace(/\/+$/, '') : path)), limits: { bandwidth: null, parallel: 4 }, compareOnly: false,
          }, signal), 'nothing was changed; plan again');
          const plan = await planDocument(context, summary);
          if (out !== undefined) await writePlan(out, plan);
          await context.output.result(plan, () => planText(plan));
          if (plan.refused !== undefined) throw new ExitCode(4);
        });
      },
    },
    {
      usage: 'approve <plan>',
      description: 'Approve exactly the plan as it is now, by its id or by a file that `plan --out` wrote; the restoration then runs',
      options: [option('--digest <hex>', 'refuse unless the plan has this digest')],
      examples: ['restoration approve plan-20261124t020000z-1f2e', 'restoration approve plan.json', 'restoration approve plan-20261124t020000z-1f2e --digest 4be1…'],
      async action(context, [name = ''], options) {
        const given = await planNamed(name);
        const wanted = typeof options['digest'] === 'string' ? options['digest'] : given.digest;
        const runId = workflowIds.restore(given.planId);
        await withEngine(context, async (engine) => {
          const { approveRestoration } = await import('../../steerRun.ts');
          const plan = await openPlan(engine, given.planId);
          refuseOther(plan, wanted);
          if (!plan.approved) await approveRestoration(engine, runId, plan.digest);
          await context.output.result({ planId: plan.planId, digest: plan.digest, approved: true, runId }, () => `${plan.planId}: approved, digest ${plan.digest}\nfollow it: mrs-backup restoration run ${plan.planId}`);
        });
      },
    },
    {
      usage: 'run <plan>',
      description: 'Run an approved plan and follow it; exit code 5 when it is not approved, 4 when it is refused, 3 when something differs',
      options: [option('--yes', 'approve the plan as it is now'), option('--detach', 'return the run id at once')],
      examples: ['restoration run plan.json --yes', 'restoration run plan-20261124t020000z-1f2e --output json'],
      async action(context, [name = ''], options) {
        const given = await planNamed(name);
        const runId = workflowIds.restore(given.planId);
        await withEngine(context, async (engine) => {
          const [{ approveRestoration }, { showRun }] = await Promise.all([import('../../steerRun.ts'), import('../../runView.ts')]);
          // An approved one may end at any moment: then there is only its result to show.
          const plan = await openPlan(engine, given.planId).catch(async (error: unknown) => {
            if ((await planExists(engine, given.planId, showRun)).closedAt === null) throw error;
            return undefined;
          });
          if (plan !== undefined) {
            refuseOther(plan, given.digest);
            if (plan.refused !== undefined) throw new Failure(plan.refused.code, plan.refused.reason, { details: { planId: plan.planId } });
            if (!plan.approved && options['yes'] !== true) throw new Failure('E_APPROVAL', `the plan ${given.planId} waits for approval`, { hint: `mrs-backup restoration approve ${name}, or run it with --yes`, details: { planId: plan.planId, digest: plan.digest } });
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
          const { listRestorations } = await import('../../listRestorations.ts');
          const restorations = await listRestorations(engine, 50);
          await context.output.result({ restorations }, () => context.output.table({
            head: ['plan', 'cluster', 'state', 'outcome', 'digest', 'started', 'time'],
            rows: restorations.map((each) => [each.planId, each.cluster ?? '', each.state, each.outcome ?? '', each.digest?.slice(0, 12) ?? '', each.startedAt, durationText(each.seconds)]),
            empty: 'no restoration',
          }), restorations);
        });
      },
    },
  ],
};

/** The destination that has the set, and the cluster it is of. */
async function whereIs(config: Config, setId: string, destination: string | undefined): Promise<{ readonly destination: string; readonly cluster: string }> {
  const { locateSet } = await import('../../locateSet.ts');
  await using located = await locateSet({ destination, config: async () => config }, setId);
  return { destination: located.destination, cluster: located.set.cluster };
}

/** The plan as it is now. @throws Failure E_RUN_NOT_FOUND, E_APPROVAL while it is being made */
async function openPlan(engine: Engine, planId: string): Promise<RestorationSummary> {
  const [{ planOf }, { showRun }] = await Promise.all([import('../../planRestoration.ts'), import('../../runView.ts')]);
  const view = await planExists(engine, planId, showRun);
  if (view.closedAt !== null) throw new Failure('E_USAGE', `the restoration ${planId} has ended already (${view.state})`, { hint: `mrs-backup run show ${view.runId}` });
  const plan = await planOf(engine, planId);
  if (plan === null) throw new Failure('E_APPROVAL', `the plan ${planId} is not made yet${view.waitingFor === null ? '' : `: ${view.waitingFor}`}`, { hint: `mrs-backup run show ${view.runId}` });
  return plan;
}

async function planExists(engine: Engine, planId: string, showRun: (engine: Engine, runId: string) => Promise<RunView>): Promise<RunView> {
  try {
    return await showRun(engine, workflowIds.restore(planId));
  } catch (error) {
    if (!(error instanceof Failure && error.code === 'E_RUN_NOT_FOUND')) throw error;
    throw new Failure('E_RUN_NOT_FOUND', `there is no restoration plan ${planId}`, { hint: 'mrs-backup restoration list shows them', cause: error });
  }
}

/** What was read and what is approved must be the same. */
function refuseOther(plan: RestorationSummary, digest: string | undefined): void {
  if (digest !== undefined && digest !== plan.digest) throw new Failure('E_PLAN_CHANGED', `the plan ${plan.planId} has the digest ${plan.digest}, not ${digest}`);
}

/** A plan file, or an id. */
async function planNamed(name: string): Promise<{ readonly planId: string; readonly digest: string | undefined }> {
  if (!/[./]/.test(name)) return { planId: name, digest: undefined };
  let plan: { planId?: unknown; digest?: unknown } | null;
  try {
    plan = JSON.parse(await readFile(name, 'utf8')) as { planId?: unknown; digest?: unknown } | null;
  } catch (cause) {
    throw new Failure('E_USAGE', `cannot read the plan file ${name}`, { hint: 'give a file that restoration plan --out wrote, or a plan id', cause });
  }
  if (typeof plan?.planId === 'string' && typeof plan.digest === 'string') {
    // What is approved is what was read.
    if (planDigest(plan) !== plan.digest) throw new Failure('E_PLAN_CHANGED', `the plan file ${name} was changed since it was written: it has not the digest that it names`, { hint: 'plan again; what is to be restored is said when planning' });
    return { planId: plan.planId, digest: plan.digest };
  }
  throw new Failure('E_USAGE', `${name} is not a plan file`, { hint: 'give a file that restoration plan --out wrote, or a plan id' });
}

async function writePlan(file: string, plan: RestorationPlan): Promise<void> {
  await writeFile(file, `${JSON.stringify(plan, null, 2)}\n`).catch((cause: NodeJS.ErrnoException) => {
    throw new Failure('E_USAGE', `cannot write the plan into ${file} (${cause.code ?? cause.message})`, { hint: `it is kept at the destination as well: mrs-backup restoration approve ${plan.planId}`, cause });
  });
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
    plan.refused === undefined ? `next: mrs-backup restoration approve ${plan.planId}` : `refused[${plan.refused.code}]: ${plan.refused.reason}`,
  ].join('\n');
}
