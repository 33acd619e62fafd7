import type { FailureCode } from '../contracts/failures.ts';

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

/** What a system error of a file system means for a destination. Unknown ones (EIO, ESTALE, EHOSTDOWN ...) are taken as unreachable: waiting may help. */
export function failureCodeOf(systemError: string): FailureCode {
  return CODES[systemError] ?? 'E_DESTINATION_UNREACHABLE';
}
