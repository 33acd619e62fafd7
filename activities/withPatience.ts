import { Context } from '@temporalio/activity';
import { Failure } from '../contracts/failure.ts';
import type { ActivityDependencies } from './dependencies.ts';

/** The pauses of the workflows' retries: 1 s, doubled up to 10 s. */
const longestPauseMs = 10_000;

/**
 * Work on one of several destinations. When one stays away longer than the task's patience, its failure says `givenUp` and is not tried again,
 * so that the others need not wait for it.
 * @param hint what then brings it up to date
 */
export async function withPatience<T>(deps: ActivityDependencies, task: string, destinations: readonly unknown[], work: () => Promise<T>, hint = 'when it is back: mrs-backup set copy, or the next run, brings this destination up to date'): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Failure) || destinations.length < 2 || typeof error.details['destination'] !== 'string' || !error.rule.retryable) throw error;
    const patienceMs = (await deps.config()).tasks[task]?.policy.patienceMs ?? Infinity;
    const waited = waitedMs(Context.current().info.attempt);
    if (waited < patienceMs) throw error;
    throw new Failure(error.code, `${error.message}; given up after ${Math.round(waited / 1000)} s (policy.patience of the task)`, { hint, details: { ...error.details, givenUp: true }, cause: error });
  }
}

/** How long the pauses before this attempt were in all: what was done in the attempts themselves does not count. */
function waitedMs(attempt: number): number {
  let sum = 0;
  for (let pause = 1000, n = 1; n < attempt; n++, pause = Math.min(pause * 2, longestPauseMs)) sum += pause;
  return sum;
}
