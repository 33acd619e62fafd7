import { WorkflowFailedError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { Failure } from '../contracts/failure.ts';
import { failures, type FailureCode } from '../contracts/failures.ts';

/** Why a run ended, or refused an update: the failure that lies under the layers Temporal puts around it. */
export function failureOfRun(error: unknown, runId: string): Failure {
  if (error instanceof Failure) return error;
  // The engine took it; nobody carried it out in time. It stands: the worker finds it.
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return new Failure('E_ENGINE_UNREACHABLE', `the run ${runId} does not answer: its worker sleeps or is gone`, { hint: `it is carried out when a worker is back; mrs-backup run show ${runId}`, details: { runId }, cause: error });
  let cause: unknown = error;
  while (cause instanceof Error) {
    if (cause instanceof ApplicationFailure && cause.type !== undefined && cause.type !== null && cause.type in failures) {
      const first = (cause.details?.[0] ?? {}) as { hint?: string; about?: string };
      return new Failure(cause.type as FailureCode, cause.message, { ...(first.hint === undefined ? {} : { hint: first.hint }), details: { runId, ...(first.about === undefined ? {} : { about: first.about }) }, cause: error });
    }
    if (cause instanceof CancelledFailure) return new Failure('E_CANCELLED', `the run ${runId} was cancelled`, { cause: error });
    if (cause instanceof TerminatedFailure) return new Failure('E_CANCELLED', `the run ${runId} was terminated`, { hint: 'what it left behind: mrs-backup reap', cause: error });
    if (cause instanceof TimeoutFailure && cause.cause === undefined) return new Failure('E_INTERNAL', `the run ${runId} took too long: ${cause.message}`, { cause: error });
    if (cause.cause === undefined) break;
    cause = cause.cause;
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  // A validator's own words are about what the operator asked for.
  if (error instanceof WorkflowUpdateFailedError) return new Failure('E_USAGE', message, { cause: error });
  if (error instanceof WorkflowFailedError) return new Failure('E_INTERNAL', `the run ${runId} failed: ${message}`, { details: { runId }, cause: error });
  return new Failure('E_INTERNAL', message, { cause: error });
}
