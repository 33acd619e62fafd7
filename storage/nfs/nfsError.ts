import { constants } from 'node:os';
import { NativeError } from '../native/nativeError.ts';

/** Statuses of NFS and MOUNT version 3, by what libnfs calls them, where the name of the system error is another one. */
const NAMES: Readonly<Record<string, string>> = { ACCES: 'EACCES', DQUOT: 'EDQUOT', BADHANDLE: 'ESTALE', JUKEBOX: 'EAGAIN', SERVERFAULT: 'EIO', NOTSUPP: 'ENOTSUP', NOSPC: 'ENOSPC', NOENT: 'ENOENT', XDEV: 'EXDEV' };
/** The same by their numbers. */
const STATUSES: Readonly<Record<number, string>> = { 1: 'EPERM', 2: 'ENOENT', 5: 'EIO', 6: 'ENXIO', 13: 'EACCES', 20: 'ENOTDIR', 21: 'EISDIR', 22: 'EINVAL', 27: 'EFBIG', 28: 'ENOSPC', 30: 'EROFS', 69: 'EDQUOT', 70: 'ESTALE', 10_001: 'ESTALE', 10_006: 'EIO', 10_008: 'EAGAIN' };
/** What libnfs returns when it got no answer. */
const UNANSWERED = new Set([constants.errno.EFAULT, constants.errno.EINTR, constants.errno.EIO, constants.errno.ENOMEM, 1].map((number) => -number));
const MESSAGE_CHARACTERS = 300;

/**
 * A failed call of libnfs as an error. Its number alone is not to be trusted: a full disk while writing is EFAULT there, as is a broken connection, and a quota is
 * ERANGE. The status of the server stands in the message, unless a long path has driven it out; reading and writing put its bytes there as if they were text.
 */
export function nfsError(what: string, result: number, message: string): NativeError {
  const named = /(?:NFS3|MNT3)ERR_([A-Z]+)/.exec(message);
  if (named !== null) return new NativeError(NAMES[named[1]!] ?? `E${named[1]}`, `${what}: ${named[0]}`);
  const raw = /^p(?:read|write) call failed with "([\s\S]{1,2})"$/.exec(message)?.[1];
  const status = raw === undefined ? undefined : raw.charCodeAt(0) + (raw.length > 1 ? raw.charCodeAt(1) * 256 : 0);
  if (status !== undefined) return new NativeError(STATUSES[status] ?? 'EIO', `${what}: status ${status} of the server`);
  const text = `${what}: ${message === '' ? `error ${result}` : message.replace(/\s+/g, ' ').trim().slice(0, MESSAGE_CHARACTERS)}`;
  if (/\bAUTH/.test(message)) return new NativeError('EACCES', text);
  if (UNANSWERED.has(result)) return new NativeError('ENOTCONN', text, true);
  const code = result === -constants.errno.ERANGE ? 'EDQUOT' : Object.entries(constants.errno).find(([, number]) => number === -result)?.[0];
  return code === undefined ? new NativeError('ENOTCONN', text, true) : new NativeError(code, text);
}
