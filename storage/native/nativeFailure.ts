import { Failure } from '../../contracts/failure.ts';
import { failureCodeOf } from '../failureCodeOf.ts';
import { NativeError } from './nativeError.ts';

/** An error of a client library as a destination failure; others are returned as they are. */
export function nativeFailure(error: unknown, what: string): unknown {
  if (!(error instanceof NativeError)) return error;
  return new Failure(failureCodeOf(error.code), `${error.code} at ${what}: ${error.message}`, { details: { errno: error.code }, cause: error });
}

/** Whether a call failed because there is nothing of that name, or no more. */
export function isNativeAbsence(error: unknown): boolean {
  return hasNativeCode(error, 'ENOENT', 'ENOTDIR', 'ESTALE');
}

/** Whether a call failed with one of these system errors. */
export function hasNativeCode(error: unknown, ...codes: readonly string[]): error is NativeError {
  return error instanceof NativeError && codes.includes(error.code);
}
