import { Failure } from '../contracts/failure.ts';
import type { FailureCode } from '../contracts/failures.ts';

/** libuv has no name for these two and reports only the number. */
const UNNAMED: Readonly<Record<number, string>> = { [-122]: 'EDQUOT', [-116]: 'ESTALE' };

const CODES: Readonly<Record<string, FailureCode>> = {
  ENOSPC: 'E_DESTINATION_FULL',
  EDQUOT: 'E_DESTINATION_FULL',
  EFBIG: 'E_DESTINATION_FULL',
  EROFS: 'E_DESTINATION_READ_ONLY',
  EACCES: 'E_DESTINATION_DENIED',
  EPERM: 'E_DESTINATION_DENIED',
  ENOENT: 'E_DESTINATION_PATH',
  ENOTDIR: 'E_DESTINATION_PATH',
  EISDIR: 'E_DESTINATION_PATH',
  EEXIST: 'E_DESTINATION_PATH',
  ENOTEMPTY: 'E_DESTINATION_PATH',
  EXDEV: 'E_DESTINATION_PATH',
  ELOOP: 'E_DESTINATION_PATH',
  ENAMETOOLONG: 'E_DESTINATION_PATH',
};

/** The name of a system error, such as `ENOSPC`; `undefined` when it is none. */
export function systemErrorName(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errno, code } = error as NodeJS.ErrnoException;
  return (errno === undefined ? undefined : UNNAMED[errno]) ?? (typeof errno === 'number' ? code : undefined);
}

/** A system error of a file system as a destination failure. Unknown ones (EIO, ESTALE, EHOSTDOWN ...) are taken as unreachable: waiting may help. */
export function posixFailure(error: unknown, what: string): unknown {
  const name = systemErrorName(error);
  if (name === undefined) return error;
  return new Failure(CODES[name] ?? 'E_DESTINATION_UNREACHABLE', `${name} at ${what}`, { details: { errno: name }, cause: error });
}
