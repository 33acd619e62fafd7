import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { createFramePool } from '../../backupset/framePool.ts';
import { controlQueue, workflowIds } from '../../contracts/names.ts';
import type { RestoreOutcome, RestoreRequest } from '../../contracts/restoration.ts';
import type { BackupOutcome } from '../../contracts/run.ts';
import { extracted, leftIn, lostHandles, pictureOf, setsIn, type Picture } from './judgeWorld.ts';
import { destinations, instances, openRealWorld, type Activities, type RealWorld } from './realActivities.ts';
import { failure } from './scriptedActivities.ts';
import { openWorkflowLab } from './workflowLab.ts';

/*
 * Every activity of every workflow fails and is repeated: the real activities, on services in memory and repositories in folders.
 * What steps there are is taken from the activities themselves.
 */

export type Step = keyof Activities;
type Outcome = Pick<BackupOutcome | RestoreOutcome, 'outcome' | 'failures'>;
const noMapping = { instances: {}, paths: [], databases: {}, owners: {} };

/** What may happen to a step. The first three are an engine's everyday, and nobody may notice them. */
const harms = {
  'fails before its effect': async (_work) => { throw failure('E_SOURCE_UNREACHABLE', 'for a moment', true); },
  'does its effect, but the answer is lost': async (work) => { await work(); throw failure('E_SOURCE_UNREACHABLE', 'the answer was lost', true); },
  'is done twice': async (work) => { await work(); return await work(); },
  'is refused': async (_work) => { throw failure('E_SOURCE_DENIED', 'no'); },
  'does its effect and is refused then': async (work) => { await work(); throw failure('E_SOURCE_DENIED', 'no'); },
  'does its effect while the run is cancelled': async (work, cancel) => { await cancel(); return await work(); },
} satisfies Record<string, (work: () => Promise<unknown>, cancel: () => Promise<unknown>) => Promise<unknown>>;
export type Harm = keyof typeof harms;
export const everyday: readonly Harm[] = ['fails before its effect', 'does its effect, but the answer is lost', 'is done twice'];

/** Steps that clean up: refused for good they leave what they should have removed, which `mrs-backup reap` finds. */
const owed: readonly Step[] = ['dropHandle', 'cleanDestination', 'rollbackRestore', 'releaseRestore'];

/** Without a step: it befalls each of them, at every first attempt. */
export interface HarmDone {
  readonly step?: Step;
  /** Counted from 1. */
  readonly call?: number;
  readonly how: Harm;
}

export const workflowTypes = ['backup', 'restore', 'mirror', 'verify'] as const;
export type WorkflowType = (typeof workflowTypes)[number];

/** A sealed set, a source that has changed since, and workflows to run on it, each in a world of its own that begins like that. */
export class HarmedSteps implements AsyncDisposable {
  readonly #lab: Awaited<ReturnType<typeof openWorkflowLab>>;
  readonly #pool = createFramePool({ threads: 1 });
  #begin: RealWorld | undefined;
  #setId = '';
  /** What the set holds, and what is at the source now. */
  readonly #held: Record<string, Picture> = {};
  readonly #now: Record<string, Picture> = {};

  private constructor(lab: Awaited<ReturnType<typeof openWorkflowLab>>) {
    this.#lab = lab;
  }

  static async open(engine: 'skipping' | 'real'): Promise<HarmedSteps> {
    const steps = new HarmedSteps(await openWorkflowLab(engine));
    const begin = await openRealWorld(steps.#pool);
    steps.#begin = begin;
    const { outcome } = await steps.#perform(begin, 'backup', undefined);
    steps.#setId = (outcome as BackupOutcome).setIds[0]!;
    for (const instance of instances) {
      const service = begin.service('prod', instance);
      steps.#held[instance] = pictureOf(service.places.original);
      service.change('original');
      service.places.original.delete('b/c');
      steps.#now[instance] = pictureOf(service.places.original);
    }
    return steps;
  }

  /** Every activity of the worker. */
  get all(): readonly Step[] {
    return Object.keys(this.#begin!.activities) as Step[];
  }

  /** The calls of a run that nothing befalls. */
  async callsOf(type: WorkflowType): Promise<readonly Step[]> {
    await using world = await openRealWorld(this.#pool, this.#begin);
    const { made, error } = await this.#perform(world, type, undefined);
    if (error !== undefined) throw error;
    return made;
  }

  /** Runs a workflow to its end under a harm. Returns what is not as it must be afterwards, in sentences. */
  async problemsOf(type: WorkflowType, harm: HarmDone): Promise<string[]> {
    await using world = await openRealWorld(this.#pool, this.#begin);
    const problems = await this.#judge(world, type, harm, await this.#perform(world, type, harm));
    return problems.map((each) => `${harm.step ?? 'every step'} ${harm.call ?? ''} ${harm.how}: ${each}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lab.close();
    await this.#pool[Symbol.asyncDispose]();
    await this.#begin?.[Symbol.asyncDispose]();
  }

  #argumentOf(type: WorkflowType, planId: string): unknown {
    const limits = { bandwidth: null, parallel: 2 };
    if (type === 'backup') return { cluster: 'prod', task: 'nightly' };
    if (type === 'verify') return { cluster: 'prod', destination: 'vault', setId: this.#setId, level: 'content' };
    if (type === 'mirror') return { from: 'prod', to: 'standby', at: 'latest', tasks: [], mapping: noMapping, existing: 'fail', limits, compareOnly: false };
    return { planId, toCluster: 'prod', sets: [{ destination: 'vault', setId: this.#setId, sources: [] }], mode: 'inPlace', existing: 'fail', mapping: noMapping, only: [], limits, approved: true, compareOnly: false } satisfies RestoreRequest;
  }

  async #perform(world: RealWorld, type: WorkflowType, harm: HarmDone | undefined) {
    const planId = `plan-${randomUUID().slice(0, 8)}`;
    const workflowId = type === 'restore' ? workflowIds.restore(planId) : `${type}/${randomUUID()}`;
    const made: Step[] = [];
    const { client } = this.#lab.env;
    const cancel = () => client.workflow.getHandle(workflowId).cancel();
    const harmed = Object.fromEntries(Object.entries(world.activities).map(([name, run]) => [name, async (...args: unknown[]) => {
      made.push(name as Step);
      const work = () => (run as (...args: unknown[]) => Promise<unknown>)(...args);
      if (harm === undefined || (harm.step !== undefined && (harm.step !== name || harm.call !== made.filter((each) => each === name).length))) return await work();
      // The engine tries a harmed call again; that one is left alone.
      return harm.step === undefined && Context.current().info.attempt > 1 ? await work() : await harms[harm.how](work, cancel);
    }]));
    return await this.#lab.during(harmed, async () => {
      const handle = await client.workflow.start(type, { taskQueue: controlQueue, workflowId, args: [this.#argumentOf(type, planId)] });
      const result = await handle.result().then((outcome: unknown) => ({ outcome, error: undefined }), (error: unknown) => ({ outcome: undefined, error: error as Error }));
      return { ...result, made };
    });
  }

  /** Everything that is not as it must be when the run has ended, in sentences. */
  async #judge(world: RealWorld, type: WorkflowType, harm: HarmDone, result: { readonly outcome: unknown; readonly error: Error | undefined }): Promise<string[]> {
    const { outcome, error } = result as { outcome: Outcome | undefined; error: Error | undefined };
    const wrong: string[] = [];
    if (everyday.includes(harm.how)) {
      if (error !== undefined) wrong.push(`the run failed: ${String((error.cause as Error | undefined)?.message ?? error.message)}`);
      else if (type === 'backup' && (outcome!.outcome !== 'sealed' || outcome!.failures.length > 0)) wrong.push(`ended ${outcome!.outcome}: ${JSON.stringify(outcome!.failures)}`);
      else if ((type === 'restore' || type === 'mirror') && outcome!.outcome !== 'restored') wrong.push(`ended ${outcome!.outcome}`);
    }
    if (!owed.includes(harm.step!) || everyday.includes(harm.how)) wrong.push(...(await leftIn(world)));
    wrong.push(...(await lostHandles(world)).map((each) => `lost the handle ${each}, which the newest set needs`));
    wrong.push(...(type === 'backup' ? await this.#judgeSets(world, outcome as BackupOutcome | undefined) : this.#judgePlaces(world, type, outcome !== undefined)));
    return wrong;
  }

  /** Every set that is listed holds what was there, and is one that a run answers for; counts are those of the source. */
  async #judgeSets(world: RealWorld, outcome: BackupOutcome | undefined): Promise<string[]> {
    const wrong: string[] = [];
    const sealed = outcome?.destinations.filter((each) => each.state === 'sealed').map((each) => each.name) ?? [];
    for (const name of destinations) {
      const sets = await setsIn(world, name);
      if (outcome === undefined ? sets.length > 2 : sets.length !== (sealed.includes(name) ? 2 : 1)) wrong.push(`${name} has ${sets.length} sets, the run says ${outcome?.outcome ?? 'failed'}`);
      for (const set of sets) {
        for (const instance of set.instances) {
          const holds = await extracted(world, this.#pool, name, set.setId, instance);
          if (JSON.stringify(holds) !== JSON.stringify((set.setId === this.#setId ? this.#held : this.#now)[instance])) wrong.push(`${name}: set ${set.setId} does not hold what ${instance} held`);
        }
      }
    }
    for (const source of outcome?.sources ?? []) {
      const files = Object.keys(this.#now[source.instance]!).length;
      if (source.files !== files || source.entries !== files) wrong.push(`${source.instance}: ${source.files} files counted, there are ${files}`);
    }
    return wrong;
  }

  /** After a restoration: everywhere what the set holds, or everywhere what was there before. */
  #judgePlaces(world: RealWorld, type: WorkflowType, done: boolean): string[] {
    const cluster = type === 'mirror' ? 'standby' : 'prod';
    const before = (instance: string): Picture => (type === 'mirror' ? {} : this.#now[instance]!);
    return instances.flatMap((instance) => {
      const is = pictureOf(world.service(cluster, instance).places.original);
      const should = done && type !== 'verify' ? this.#held[instance]! : before(instance);
      return JSON.stringify(is) === JSON.stringify(should) ? [] : [`${cluster}/${instance} is not as it ${done ? 'should be' : 'was before'}`];
    });
  }
}
