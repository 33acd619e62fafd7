import { Failure } from '../../contracts/failure.ts';
import type { FailureCode } from '../../contracts/failures.ts';
import type { FileSystemState } from './sftpChannel.ts';
import { sftpCodes, SftpStatus } from './sftpStatus.ts';

const CODES: Readonly<Record<number, FailureCode>> = {
  [sftpCodes.noSuchFile]: 'E_DESTINATION_PATH',
  [sftpCodes.noSuchPath]: 'E_DESTINATION_PATH',
  [sftpCodes.exists]: 'E_DESTINATION_PATH',
  [sftpCodes.notEmpty]: 'E_DESTINATION_PATH',
  [sftpCodes.badMessage]: 'E_DESTINATION_PATH',
  [sftpCodes.denied]: 'E_DESTINATION_DENIED',
  [sftpCodes.writeProtected]: 'E_DESTINATION_READ_ONLY',
  [sftpCodes.noSpace]: 'E_DESTINATION_FULL',
  [sftpCodes.quota]: 'E_DESTINATION_FULL',
  [sftpCodes.unsupported]: 'E_UNSUPPORTED',
};

/** What was being done when it failed, for telling why. */
export interface SftpAttempt {
  /** How to name the object, or the destination. */
  readonly what: string;
  /** How many bytes were to be stored; `undefined` when nothing was. */
  readonly bytes?: number;
}

/**
 * A status as a destination failure; anything else unchanged. Version 3 has one code for a full disk, a read-only file system and much
 * else: where the server tells the state of its file system (statvfs), that decides.
 * @param state asks the server; `undefined` where it does not tell
 */
export async function sftpFailure(error: unknown, { what, bytes }: SftpAttempt, state?: () => Promise<FileSystemState>): Promise<unknown> {
  if (!(error instanceof SftpStatus)) return error;
  const fail = (code: FailureCode, why: string, hint?: string): Failure =>
    new Failure(code, `${why} at ${what}`, { ...(hint === undefined ? {} : { hint }), details: { sftpStatus: error.status }, cause: error });
  const code = CODES[error.status];
  if (code !== undefined) return fail(code, `the server says “${error.message}”`);
  // Some servers say in words what the code does not.
  if (/no space|disk (is )?full|quota/i.test(error.message)) return fail('E_DESTINATION_FULL', `the server says “${error.message}”`);
  if (/read-?only/i.test(error.message)) return fail('E_DESTINATION_READ_ONLY', `the server says “${error.message}”`);
  const said = `the server says only “${error.message}”`;
  const now = await state?.().catch(() => undefined);
  if (now?.readOnly === true) return fail('E_DESTINATION_READ_ONLY', `${said}; its file system is read-only`);
  if (now !== undefined && (now.freeBytes < Math.max(bytes ?? 0, 1) || now.freeFiles === 0)) {
    return fail('E_DESTINATION_FULL', `${said}; its file system has ${now.freeFiles === 0 ? 'no room for another file' : `${now.freeBytes} bytes left`}`);
  }
  if (bytes === undefined) return fail('E_DESTINATION_UNREACHABLE', said, 'look into the log of the server; a run tries again by itself');
  if (now === undefined) return fail('E_DESTINATION_FULL', `${said}, and not how much space it has`, 'mostly the disk or a quota is full, else the file system is read-only: look there, make space; the run goes on by itself');
  return fail('E_DESTINATION_UNREACHABLE', `${said}, although ${now.freeBytes} bytes are free`, 'a quota of the user, or a failing disk: look into the log of the server; a run tries again by itself');
}

/** An error of the connection, or of making it, as a destination failure. */
export function sftpConnectionFailure(error: unknown, shown: string): Failure {
  if (error instanceof Failure) return error;
  const { level, message, code } = error as { level?: string; message: string; code?: unknown };
  if (level === 'client-authentication' || /authentication failures/i.test(message)) {
    return new Failure('E_DESTINATION_DENIED', `the server refuses the user, or what was shown for him, at ${shown}`, {
      hint: /too many/i.test(message) ? 'it ends a log-in after a few tries (MaxAuthTries): let the agent hold no other keys, or write the right one as privateKey without agent' : 'check user, password, privateKey or agent of the destination, and what the server allows this user',
      cause: error,
    });
  }
  if (/no matching/i.test(message)) {
    return new Failure('E_DESTINATION_DENIED', `no common way to encrypt with the server: ${message}, at ${shown}`, { hint: 'the server offers nothing that is still safe: update it, or allow it curve25519-sha256, aes256-gcm@openssh.com and an ed25519 key', cause: error });
  }
  // The compiled part of ssh2 has no word for it: no error of OpenSSL, but no packet either.
  const unnamed = /^error:0{8}:lib\(0\)/.test(message);
  if (unnamed || /\bMAC\b|unable to authenticate data|bad packet length|integrity/i.test(message)) {
    return new Failure('E_DESTINATION_UNREACHABLE', `bytes were changed on the way (${unnamed ? 'a packet cannot be authenticated' : message}), at ${shown}`, { hint: 'the network, or something in it, damages data; nothing of it was stored, and a run tries again by itself', cause: error });
  }
  return new Failure('E_DESTINATION_UNREACHABLE', `${typeof code === 'string' ? `${code}: ` : ''}${message}, at ${shown}`, { cause: error });
}
