import { ActivityFailure, CancelledFailure } from '@temporalio/workflow';

/**
 * The same activities; one that was told to stop and ended otherwise ended as cancelled. That happens where its worker dies, or where it fails for a
 * while, before it can obey: the engine then does not try it again, and says why in the state of the retries.
 */
export function stoppable<A extends object>(activities: A): A {
  return new Proxy(activities, {
    get(all, name, self) {
      const activity: unknown = Reflect.get(all, name, self);
      if (typeof activity !== 'function') return activity;
      return (...args: unknown[]) => (activity as (...args: unknown[]) => Promise<unknown>)(...args).catch((error: unknown) => {
        throw error instanceof ActivityFailure && error.retryState === 'CANCEL_REQUESTED' ? new CancelledFailure(error.message, [], error) : error;
      });
    },
  });
}
