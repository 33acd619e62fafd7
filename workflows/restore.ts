import { CancellationScope, condition, defineQuery, defineUpdate, isCancellation, setCurrentDetails, setHandler, startChild, workflowInfo } from '@temporalio/workflow';
import type { RestoreTask, RunRef } from '../contracts/activities.ts';
import { failures } from '../contracts/failures.ts';
import { queries, updates, workflowIds } from '../contracts/names.ts';
import type { RestorationSummary, RestoredSource, RestoreOutcome, RestoreRequest } from '../contracts/restoration.ts';
import type { RunFailure } from '../contracts/run.ts';
import { fail, failureOf } from './failureOf.ts';
import { holdInstance } from './holdInstance.ts';
import { onCluster } from './onQueue.ts';
import { restoreSource } from './restoreSource.ts';
import { runKey } from './runKey.ts';
import { setSearchAttributes } from './setSearchAttributes.ts';
import { createStory, type Story } from './story.ts';

/** How long a plan waits for its approval. */
const approvalWait = '7d';

/** A restoration: plan → approval of exactly that plan → restore in dependency order → compare → commit → report; on failure the way back. */
export async function restore(request: RestoreRequest): Promise<RestoreOutcome> {
  const run: RunRef = { runId: workflowInfo().workflowId, runKey: runKey() };
  const story = createStory({ runId: run.runId, kind: request.mode === 'mirror' ? 'mirror' : 'restore', cluster: request.toCluster });
  story.limits(request.limits);
  const approval = offerApproval(request);

  story.phase = 'plan';
  const plan = await onCluster(request.toCluster, 'brief', 'restore').planRestoration(request, run.runId);
  approval.plan = plan;
  story.setIds = [...new Set(plan.order.map((each) => each.setId))];
  setSearchAttributes({ BackupSet: story.setIds[0] ?? '', BackupSources: plan.order.map((each) => `${each.source}@${each.fromInstance}`) });
  if (plan.refused !== undefined && request.approved) throw fail({ code: plan.refused.code, message: plan.refused.reason, hint: failures[plan.refused.code].hint });

  story.phase = 'approval';
  story.waitsFor('approval', `approval of plan ${plan.planId} (digest ${plan.digest.slice(0, 12)})`);
  if (!(await condition(() => approval.given, approvalWait))) throw fail({ code: 'E_APPROVAL', message: `plan ${plan.planId} was not approved within ${approvalWait}`, hint: 'make a new plan' });
  story.waitsFor('approval', undefined);
  await onCluster(request.toCluster, 'patient', 'restore').recordApproval(plan.destination, plan.planId, plan.digest);
  return await carryOut(run, request, plan, story);
}

async function carryOut(run: RunRef, request: RestoreRequest, plan: RestorationSummary, story: Story): Promise<RestoreOutcome> {
  const approvedMs = Date.now();
  const tasks = plan.order.map((step): RestoreTask => ({ run, toCluster: request.toCluster, step, mode: request.mode, existing: request.existing, mapping: request.mapping }));
  const begun: RestoreTask[] = [];
  let outcome: RestoreOutcome;
  try {
    story.phase = request.compareOnly ? 'compare' : 'restore';
    const restored: RestoredSource[] = [];
    for (const task of tasks) {
      begun.push(task);
      restored.push(await restoreInstance(task, request.compareOnly, story));
    }
    refuseUnequal(request, restored);
    story.phase = 'commit';
    const sources = request.compareOnly ? restored : await commitAll(tasks, restored);
    // What is in place stays, whatever comes after.
    outcome = await CancellationScope.nonCancellable(() => settle(run, request, plan, tasks, sources, approvedMs, story));
  } catch (error) {
    story.failures.push(isCancellation(error) ? { code: 'E_CANCELLED', message: `restoration ${request.planId} was cancelled`, hint: 'make a new plan' } : failureOf(error));
    story.phase = 'rollback';
    setSearchAttributes({ BackupOutcome: 'failed' });
    if (!request.compareOnly) await CancellationScope.nonCancellable(() => rollBack(begun, story));
    await CancellationScope.nonCancellable(() => clean(run, request, plan, story));
    throw isCancellation(error) ? error : fail(story.failures[0]!);
  }
  setSearchAttributes({ BackupOutcome: outcome.outcome, BackupBytes: sumOf(outcome, 'bytes'), BackupFiles: sumOf(outcome, 'entries') });
  story.phase = 'done';
  setCurrentDetails(`**${outcome.outcome}**\n\n${outcome.sources.map((each) => `- ${each.source}@${each.fromInstance} → ${each.instance}: ${each.entries} entries, ${each.compared} compared, ${each.differences} differ`).join('\n')}`);
  await CancellationScope.nonCancellable(() => clean(run, request, plan, story));
  return { ...outcome, failures: story.failures };
}

function sumOf(outcome: RestoreOutcome, what: 'bytes' | 'entries'): number {
  return outcome.sources.reduce((sum, each) => sum + each[what], 0);
}

/** Staging of the run. What cannot be removed is named; it must not hide how the run ended. */
async function clean(run: RunRef, request: RestoreRequest, plan: RestorationSummary, story: Story): Promise<void> {
  const used = new Set([plan.destination, ...plan.order.map((each) => each.destination)]);
  await Promise.all([...used].map((name) => onCluster(request.toCluster, 'owed', 'restore').cleanDestination(run, name, null).catch((error: unknown) => story.failures.push(failureOf(error, `staging at ${name}`)))));
}

/** One child per source instance, one after the other: the order is the point. */
async function restoreInstance(task: RestoreTask, compareOnly: boolean, story: Story): Promise<RestoredSource> {
  const { source, toInstance: instance } = task.step;
  const held = { workflowId: workflowIds.restoreSource(task.toCluster, source, instance), source, instance, by: `another restoration writes to ${source}@${instance} of ${task.toCluster}` };
  return await holdInstance<typeof restoreSource>(held, story, (workflowId) => startChild(restoreSource, {
    workflowId,
    args: [{ task, compareOnly, steering: story.steer.now }],
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    staticSummary: `${task.step.setId}: ${source}@${task.step.fromInstance} → ${task.toCluster} ${instance}`,
  }));
}

/** What is not equal never takes the place of something that is there. */
function refuseUnequal(request: RestoreRequest, restored: readonly RestoredSource[]): void {
  if (request.mode !== 'inPlace' || request.compareOnly) return;
  const unequal = restored.find((each) => each.differences > 0 || each.missing > 0);
  if (unequal === undefined) return;
  const first = unequal.differing[0] ?? unequal.missingNames[0] ?? '';
  throw fail({ code: 'E_DIFFERENCES', message: `${unequal.source}@${unequal.instance}: ${unequal.differences} entries differ and ${unequal.missing} are missing (${first}); nothing was put in place`, hint: 'restore beside instead, or choose another set' });
}

/** Everything is written and compared: now, and only now, it takes the place of what was there. */
async function commitAll(tasks: readonly RestoreTask[], restored: readonly RestoredSource[]): Promise<readonly RestoredSource[]> {
  const done: RestoredSource[] = [];
  for (const [index, task] of tasks.entries()) {
    const { safetyPoint } = await onCluster(task.toCluster, 'patient', 'restore').commitRestore(task);
    done.push({ ...restored[index]!, safetyPoint });
  }
  return done;
}

/** Everything is in place: removes what was temporary and writes the report. What of it fails is said in the outcome. */
async function settle(run: RunRef, request: RestoreRequest, plan: RestorationSummary, tasks: readonly RestoreTask[], sources: readonly RestoredSource[], approvedMs: number, story: Story): Promise<RestoreOutcome> {
  const { releaseRestore, reportRestoration } = onCluster(request.toCluster, 'owed', 'restore');
  for (const task of request.compareOnly ? [] : tasks) {
    await releaseRestore(task).catch((error: unknown) => story.failures.push(failureOf(error, `release of ${task.step.source}@${task.step.toInstance}`)));
  }
  story.phase = 'report';
  const outcome = outcomeOf(run, request, plan, sources, (Date.now() - approvedMs) / 1000, story.failures);
  await reportRestoration(plan.destination, plan.planId, outcome).catch((error: unknown) => story.failures.push(failureOf(error, `report at ${plan.destination}`)));
  return outcome;
}

/** The way back, last first. What cannot be undone is named; it must not hide what went wrong first. */
async function rollBack(begun: readonly RestoreTask[], story: Story): Promise<void> {
  for (const task of begun.toReversed()) {
    try {
      await onCluster(task.toCluster, 'owed', 'restore').rollbackRestore(task);
    } catch (error) {
      story.failures.push(failureOf(error, `rollback of ${task.step.source}@${task.step.toInstance}`));
    }
  }
}

function outcomeOf(run: RunRef, request: RestoreRequest, plan: RestorationSummary, sources: readonly RestoredSource[], rtoSeconds: number, failures: readonly RunFailure[]): RestoreOutcome {
  const equal = sources.every((each) => each.differences === 0 && each.missing === 0);
  const safetyPoints = sources.flatMap((each) => each.safetyPoint ?? []);
  return {
    runId: run.runId, planId: plan.planId, outcome: request.compareOnly ? 'compared' : equal ? 'restored' : 'differences',
    sources, safetyPoint: safetyPoints.length === 0 ? null : safetyPoints.join(', '), rtoSeconds, failures: [...failures],
  };
}

/** Registers the query for the plan and the update that approves it. */
function offerApproval(request: RestoreRequest): { plan: RestorationSummary | null; given: boolean } {
  const approval: { plan: RestorationSummary | null; given: boolean } = { plan: null, given: request.approved };
  const shown = () => (approval.plan === null ? null : { ...approval.plan, approved: approval.given });
  setHandler(defineQuery<RestorationSummary | null>(queries.plan), shown);
  setHandler(defineUpdate<RestorationSummary, [string]>(updates.approve), () => {
    approval.given = true;
    return shown()!;
  }, {
    description: 'Approves exactly the plan of this digest',
    validator: (digest) => {
      if (approval.plan === null) throw fail({ code: 'E_APPROVAL', message: `plan ${request.planId} is not made yet`, hint: 'wait, then approve it' });
      if (approval.plan.refused !== undefined) throw fail({ code: approval.plan.refused.code, message: approval.plan.refused.reason, hint: 'make a new plan' });
      if (approval.plan.digest !== digest) throw fail({ code: 'E_PLAN_CHANGED', message: `the plan ${request.planId} has another digest`, hint: 'read the plan again' });
    },
  });
  return approval;
}
