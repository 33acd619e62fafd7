/** Status codes of SFTP. Version 3 ends at 8; some of its servers send later ones. */
export const sftpCodes = { endOfFile: 1, noSuchFile: 2, denied: 3, failure: 4, badMessage: 5, unsupported: 8, noSuchPath: 10, exists: 11, writeProtected: 12, noSpace: 14, quota: 15, notEmpty: 18 } as const;

/** A request that the server answered with something else than success. */
export class SftpStatus extends Error {
  override readonly name = 'SftpStatus';
  readonly status: number;

  constructor(status: number, message: string, cause: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

/** Whether a request was answered with one of these codes. */
export function hasStatus(error: unknown, ...codes: readonly number[]): error is SftpStatus {
  return error instanceof SftpStatus && codes.includes(error.status);
}
