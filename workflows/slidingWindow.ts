import { CancellationScope, condition } from '@temporalio/workflow';

/**
 * Runs `work(first) … work(count - 1)`, at most `width()` at once, in order of start; `width` is asked again each time.
 * After a failure the others are cancelled and the first failure is thrown. With `enough()` true nothing new is started,
 * and what is in flight ends. Returns the first index not started.
 */
export async function slidingWindow(first: number, count: number, width: () => number, work: (index: number) => Promise<void>, enough: () => boolean = () => false): Promise<number> {
  let next = first;
  let inFlight = 0;
  let failure: { readonly error: unknown } | undefined;
  const scope = new CancellationScope();
  const run = async (index: number): Promise<void> => {
    try {
      await scope.run(() => work(index));
    } catch (error) {
      if (failure === undefined) {
        failure = { error };
        scope.cancel();
      }
    } finally {
      inFlight -= 1;
    }
  };
  while (next < count && failure === undefined && !enough()) {
    inFlight += 1;
    void run(next++);
    await condition(() => inFlight < width() || failure !== undefined);
  }
  // What is in flight must end also when the run itself is cancelled: it is still writing.
  await CancellationScope.nonCancellable(() => condition(() => inFlight === 0));
  if (failure !== undefined) throw failure.error;
  return next;
}
