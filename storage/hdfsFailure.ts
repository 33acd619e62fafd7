import { Failure } from '../contracts/failure.ts';
import type { FailureCode } from '../contracts/failures.ts';
import { WebHdfsError, type WebHdfsErrorKind } from '../protocols/webhdfs/webHdfsError.ts';

const CODES: Readonly<Record<WebHdfsErrorKind, FailureCode>> = {
  unreachable: 'E_DESTINATION_UNREACHABLE',
  standby: 'E_DESTINATION_UNREACHABLE',
  busy: 'E_DESTINATION_UNREACHABLE',
  safeMode: 'E_DESTINATION_READ_ONLY',
  full: 'E_DESTINATION_FULL',
  denied: 'E_DESTINATION_DENIED',
  short: 'E_CORRUPT',
  notFound: 'E_DESTINATION_PATH',
  exists: 'E_DESTINATION_PATH',
  snapshot: 'E_DESTINATION_PATH',
  invalid: 'E_DESTINATION_PATH',
};

/** A WebHDFS error as a destination failure; anything else unchanged. */
export function hdfsFailure(error: unknown, what: string): unknown {
  if (!(error instanceof WebHdfsError)) return error;
  // A bare IOException says nothing about its cause: waiting may help.
  const code = error.kind === 'invalid' && (error.exception === 'IOException' || error.status >= 500) ? 'E_DESTINATION_UNREACHABLE' : CODES[error.kind];
  return new Failure(code, `${error.message}, at ${what}`, { details: { exception: error.exception }, cause: error });
}

/** Whether a call failed because there is nothing at its path. */
export function isNotFound(error: unknown): boolean {
  // A file where a folder of the path should be is answered as AccessControlException "... is not a directory".
  return error instanceof WebHdfsError && (error.kind === 'notFound' || /is not a directory/i.test(error.message));
}
