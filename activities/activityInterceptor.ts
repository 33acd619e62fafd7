import { CancelledFailure, type Context } from '@temporalio/activity';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { lastBeat, type Beat } from './heartbeat.ts';
import { translateFailure } from './translateFailure.ts';

/** Well below the heartbeat timeout, so that a busy moment is not taken for a death. */
const beatEveryMs = 1000;

/** Around every activity: a beat from a timer, so that waiting is not taken for death, and the translation of its failure. */
export const activityInterceptor: ActivityInterceptorsFactory = (context: Context) => ({
  inbound: {
    async execute(input, next) {
      const store: { beat: Beat } = { beat: { v: 1 } };
      const timer = setInterval(() => context.heartbeat(store.beat), beatEveryMs);
      try {
        return await lastBeat.run(store, () => next(input));
      } catch (error) {
        if (context.cancellationSignal.aborted) throw new CancelledFailure('cancelled', [store.beat]);
        context.log.warn('activity failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error), attempt: context.info.attempt });
        throw translateFailure(error, context.info.attempt);
      } finally {
        clearInterval(timer);
      }
    },
  },
});
