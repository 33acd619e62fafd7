import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import type { ClusterActivities, ControlActivities, CopyTask, SourceSeal } from '../../contracts/activities.ts';
import type { FailureCode } from '../../contracts/failures.ts';

type Activities = ControlActivities & ClusterActivities;

/** What a test wants an activity to do instead: called with the number of the call, from 1. Return `undefined` to do the usual. */
export type Script = { readonly [Name in keyof Activities]?: (call: number, ...args: Parameters<Activities[Name]>) => Promise<unknown> | unknown };

/** A failure as `translateFailure` makes them. */
export function failure(code: FailureCode, message: string, retryable = false, details: Record<string, unknown> = {}): ApplicationFailure {
  return ApplicationFailure.create({ message, type: code, nonRetryable: !retryable, details: [{ hint: 'hint', ...details }] });
}

/** Ends only when it is cancelled, like a shard that takes long. */
export async function untilCancelled(): Promise<never> {
  const context = Context.current();
  const beats = setInterval(() => context.heartbeat(), 50);
  try {
    return await context.cancelled;
  } catch {
    throw new CancelledFailure('cancelled');
  } finally {
    clearInterval(beats);
  }
}

/**
 * Activities that keep a world of their own (handles, sets) instead of servers: what the workflows decide is tested here, what activities do is
 * tested against real servers. Every call is noted as `name:about`.
 */
export function scriptedActivities(script: Script, shards = 3) {
  const calls: string[] = [];
  const counts = new Map<string, number>();
  const world = { handles: new Set<string>(), sealed: new Set<string>(), begun: new Set<string>(), staging: new Set<string>(), copied: new Map<string, number>(), restored: new Set<string>(), committed: new Set<string>() };
  const about = (copy: CopyTask) => `${copy.ref.source}@${copy.ref.instance}`;
  const usual: Activities = {
    async resolveBackup(request) {
      return {
        cluster: request.cluster, task: request.task, destinations: ['vault', 'second'], limits: { bandwidth: null, parallel: 2 }, incremental: true, fullEvery: null, verify: 'stored',
        sources: [
          { cluster: request.cluster, source: 'dbservice', instance: 'DBService', selection: {}, keepHandle: false },
          { cluster: request.cluster, source: 'hdfs', instance: 'hacluster', selection: {}, keepHandle: true },
        ],
      };
    },
    async resolveMirror() {
      return { sets: [{ destination: 'vault', setId: 'set-1', sources: [] }], mapping: { instances: {}, paths: [], databases: {}, owners: {} } };
    },
    async preflightSource() { return { version: '1', warnings: [] }; },
    async preflightDestination(name) { return { repositoryId: `repository-of-${name}` }; },
    async takeHandle(_run, ref, name) {
      world.handles.add(`${ref.source}@${ref.instance}/${name}`);
      return { name, takenAt: '2026-11-24T01:02:03.000Z', data: {} };
    },
    async dropHandle(ref, name) { world.handles.delete(`${ref.source}@${ref.instance}/${name}`); },
    async findParent() { return { parent: null, superseded: [] }; },
    async beginSet(_run, _plan, destination) { world.begun.add(destination.name); world.staging.add(destination.name); },
    async planShards() { return { shards, kind: 'full', entries: shards * 10, files: shards * 10, bytes: shards * 100 }; },
    async copyShard(copy, shard) {
      for (const destination of copy.destinations) world.copied.set(`${destination.name}/${about(copy)}/${shard}`, copy.attempt);
      return { entries: 10, files: 10, bytes: 100, readBytes: 100, storedBytes: 50, gaps: 0 };
    },
    async checkShard() { return true; },
    async buildIndex(copy, plan): Promise<SourceSeal> {
      return {
        source: copy.ref.source, instance: copy.ref.instance, kind: plan.kind, recoveryPoint: copy.handle.takenAt, parentSetId: null, table: { digest: 'd', length: 1 }, root: 'r',
        entries: plan.entries, files: plan.files, directories: 0, symlinks: 0, gaps: 0, bytes: plan.bytes, storedBytes: 50, packsNew: 1, description: { digest: 'd', length: 1 }, warnings: [],
      };
    },
    async sealSet(_run, _plan, destination) { world.sealed.add(destination.name); },
    async verifySet() { return { ok: true, checkedObjects: 1, checkedBytes: 1, damage: 0, damaged: [] }; },
    async cleanDestination(_run, destination, unsealed) {
      world.staging.delete(destination);
      if (unsealed !== null) world.begun.delete(destination);
    },
    async recordHistory() {},
    async planRestoration(request) {
      const step = (source: string, instance: string) => ({ name: request.planId, source, fromInstance: instance, toInstance: instance, destination: 'vault', repositoryId: 'r', setId: 'set-1', recoveryPoint: '2026-11-24T01:02:03.000Z', entries: 10, bytes: 100, only: [] });
      return { planId: request.planId, digest: 'digest-of-the-plan', destination: 'vault', order: [step('dbservice', 'DBService'), step('hdfs', 'hacluster')], conflicts: 0, losses: 0, spaceNeeded: 100, approved: request.approved };
    },
    async recordApproval() {},
    async beginRestore() {},
    async planRestoreShards() { return { directoryShards: 2, fileShards: shards, entries: 10, files: 8, bytes: 100 }; },
    async restoreShard(restore, phase, shard) {
      world.restored.add(`${restore.step.source}/${phase}/${shard}`);
      return { entries: 1, bytes: 10, missing: 0, missingNames: [] };
    },
    async finishRestore() {},
    async compareShard() { return { compared: 1, bytes: 10, differences: 0, differing: [] }; },
    async commitRestore(restore) {
      world.committed.add(restore.step.source);
      return { safetyPoint: restore.mode === 'inPlace' ? `${restore.step.source}-before` : null };
    },
    async rollbackRestore(restore) { world.committed.delete(restore.step.source); },
    async releaseRestore() {},
    async reportRestoration() {},
  };
  const activities = Object.fromEntries(Object.entries(usual).map(([name, run]) => [name, async (...args: unknown[]) => {
    const call = (counts.get(name) ?? 0) + 1;
    counts.set(name, call);
    calls.push(name);
    const scripted = (script as Record<string, ((call: number, ...args: unknown[]) => unknown) | undefined>)[name];
    const instead = scripted === undefined ? undefined : await scripted(call, ...args);
    return instead === undefined ? await (run as (...args: unknown[]) => Promise<unknown>)(...args) : instead;
  }]));
  return { activities, world, calls, names: Object.keys(usual) as (keyof Activities)[] };
}
