import { Failure } from '../contracts/failure.ts';
import { failureCodeOf } from './failureCodeOf.ts';

/** libuv has no name for these two and reports only the number. */
const UNNAMED: Readonly<Record<number, string>> = { [-122]: 'EDQUOT', [-116]: 'ESTALE' };

/** The name of a system error, such as `ENOSPC`; `undefined` when it is none. */
export function systemErrorName(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errno, code } = error as NodeJS.ErrnoException;
  return (errno === undefined ? undefined : UNNAMED[errno]) ?? (typeof errno === 'number' ? code : undefined);
}

/** A system error of a file system as a destination failure. */
export function posixFailure(error: unknown, what: string): unknown {
  const name = systemErrorName(error);
  if (name === undefined) return error;
  return new Failure(failureCodeOf(name), `${name} at ${what}`, { details: { errno: name }, cause: error });
}
