import { ApplicationFailure } from '@temporalio/activity';
import { Failure } from '../contracts/failure.ts';

/** Attempts after which a failure without a code is taken for a defect that waiting does not cure. */
const mostDefects = 8;

/** Any error of an activity as a Temporal failure: the code is its type, the table says whether to retry. The stack of the cause stays in the log. */
export function translateFailure(error: unknown, attempt: number): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  const failure = error instanceof Failure ? error : new Failure('E_INTERNAL', messageOf(error), { cause: error });
  const defect = failure.code === 'E_INTERNAL' && attempt >= mostDefects;
  return ApplicationFailure.create({
    message: failure.message,
    type: failure.code,
    nonRetryable: !failure.rule.retryable || defect || failure.details['givenUp'] === true,
    details: [{ ...bounded(failure.details), hint: failure.hint }],
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** Details are kept in workflow history: a few kB at most. */
function bounded(details: Record<string, unknown>): Record<string, unknown> {
  return JSON.stringify(details).length <= 4096 ? details : { destination: details['destination'] };
}
