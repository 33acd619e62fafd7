import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, TimeoutFailure } from '@temporalio/workflow';
import { failures, type FailureCode } from '../contracts/failures.ts';
import type { RunFailure } from '../contracts/run.ts';

/** What lies under the layers Temporal puts around a failure of an activity or a child, as a row of a report. */
export function failureOf(error: unknown, about?: string): RunFailure {
  let cause: unknown = error;
  while ((cause instanceof ActivityFailure || cause instanceof ChildWorkflowFailure) && cause.cause !== undefined) cause = cause.cause;
  // A wait that was too long carries what it waited for.
  if (cause instanceof TimeoutFailure && cause.cause !== undefined) cause = cause.cause;
  if (cause instanceof ApplicationFailure && cause.type !== undefined && cause.type !== null && cause.type in failures) {
    const code = cause.type as FailureCode;
    const first = (cause.details?.[0] ?? {}) as { hint?: string; about?: string };
    return withAbout({ code, message: cause.message, hint: first.hint ?? failures[code].hint }, about ?? first.about);
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return withAbout({ code: 'E_INTERNAL', message, hint: failures.E_INTERNAL.hint }, about);
}

function withAbout(failure: RunFailure, about: string | undefined): RunFailure {
  return about === undefined ? failure : { ...failure, about };
}

/** The destination a failure of an activity is about, if it is about one. */
export function destinationOf(error: unknown): string | undefined {
  let cause: unknown = error;
  while (cause instanceof ActivityFailure && cause.cause !== undefined) cause = cause.cause;
  if (!(cause instanceof ApplicationFailure)) return undefined;
  return (cause.details?.[0] as { destination?: string } | undefined)?.destination;
}

/** A failure of the workflow itself, with its code as Temporal's failure type. */
export function fail(failure: RunFailure): ApplicationFailure {
  return ApplicationFailure.create({
    message: failure.message,
    type: failure.code,
    nonRetryable: true,
    details: [{ hint: failure.hint, ...(failure.about === undefined ? {} : { about: failure.about }) }],
  });
}
