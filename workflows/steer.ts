import { CancellationScope, condition, defineSignal, defineUpdate, isCancellation, setHandler } from '@temporalio/workflow';
import { signals, updates } from '../contracts/names.ts';
import type { Limits, RunProgress, Steering } from '../contracts/run.ts';

/** The hands of an operator on a run: what is set now, and the work that must stop when it changes. */
export interface Steer {
  now: Steering;
  /** Counts changes, so that work that was stopped by one is told from work that was cancelled. */
  changes: number;
  readonly scopes: Set<CancellationScope>;
}

export function createSteer(start: Steering): Steer {
  return { now: start, changes: 0, scopes: new Set() };
}

function change(steer: Steer, next: Steering): void {
  steer.now = next;
  steer.changes += 1;
  for (const scope of steer.scopes) scope.cancel();
}

/** A child obeys its run. */
export function obeySteering(steer: Steer): void {
  setHandler(defineSignal<[Steering]>(signals.steer), (next) => change(steer, next));
}

/** A run obeys the operator, tells its children, and answers with what is now. */
export function offerSteering(steer: Steer, progress: () => RunProgress, tell: (steering: Steering) => Promise<void>): void {
  const set = async (next: Steering): Promise<RunProgress> => {
    change(steer, next);
    await tell(next);
    return progress();
  };
  // A restoration inside a mirror is a run and a child at once.
  setHandler(defineSignal<[Steering]>(signals.steer), (next) => void set(next));
  setHandler(defineUpdate<RunProgress>(updates.pause), () => set({ ...steer.now, paused: true }), { description: 'Stops at the last finished object of each shard, until resumed' });
  setHandler(defineUpdate<RunProgress>(updates.resume), () => set({ ...steer.now, paused: false }), { description: 'Goes on after a pause' });
  setHandler(defineUpdate<RunProgress, [Partial<Limits>]>(updates.limit), (limits) => set({ ...steer.now, limits: { ...steer.now.limits, ...limits } }), {
    description: 'Bandwidth in bytes a second over all shards (null: none), shards at once per source instance',
    validator: (limits) => {
      if (limits.parallel !== undefined && !(Number.isInteger(limits.parallel) && limits.parallel >= 1 && limits.parallel <= 64)) throw new Error('parallel must be a whole number from 1 to 64');
      if (limits.bandwidth !== undefined && limits.bandwidth !== null && !(limits.bandwidth >= 1024)) throw new Error('bandwidth must be at least 1 KiB/s, or null for none');
    },
  });
}

/**
 * Does the work under the limits of now. When they change, or a pause comes, it is stopped and done again later:
 * work must be such that doing it again goes on from where it was.
 */
export async function steered<T>(steer: Steer, work: (limits: Limits) => Promise<T>): Promise<T> {
  for (;;) {
    await condition(() => !steer.now.paused);
    const changesBefore = steer.changes;
    const scope = new CancellationScope();
    steer.scopes.add(scope);
    try {
      return await scope.run(() => work(steer.now.limits));
    } catch (error) {
      if (!isCancellation(error)) throw error;
      const byOperator = steer.changes !== changesBefore && !CancellationScope.current().consideredCancelled;
      if (!byOperator) throw error;
    } finally {
      steer.scopes.delete(scope);
    }
  }
}
