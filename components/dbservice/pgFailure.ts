import type { FailureCode } from '../../contracts/failures.ts';
import { Failure } from '../../contracts/failure.ts';

const unreachable = new Set(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EPIPE']);

/** Waiting for a lock was given up, to be tried again: the run then says what it waits for. */
const lockedHint = { hint: 'a session holds a table exclusively: pg_locks and pg_stat_activity name it; the run goes on by itself when it ends' };

/** SQLSTATEs and socket errors → our code. https://www.postgresql.org/docs/current/errcodes-appendix.html */
function codeOf(code: string, message: string): FailureCode {
  if (unreachable.has(code) || /^08|^57P0|^53300|^53200|^55P03/.test(code)) return 'E_SOURCE_UNREACHABLE';
  if (code.startsWith('28') || code === '42501') return 'E_SOURCE_DENIED';
  if (code === '3D000') return 'E_SOURCE_PATH';
  if (code === '53100' || code === 'ENOSPC' || code === 'EDQUOT') return 'E_SOURCE_FULL';
  if (code === '55006') return 'E_BUSY';
  if (code === '42P04') return 'E_TARGET_EXISTS';
  if (/^XX00[12]$/.test(code)) return 'E_CORRUPT';
  if (/connection terminated|timeout expired|connection error|client was closed|not queryable|timed? ?out when trying to connect/i.test(message)) return 'E_SOURCE_UNREACHABLE';
  return 'E_INTERNAL';
}

/** What the driver or the server threw, as a Failure about `about`. A Failure stays itself. */
export function pgFailure(error: unknown, about: string): Failure {
  if (error instanceof Failure) return error;
  const code = String((error as { code?: unknown } | undefined)?.code ?? '');
  const message = error instanceof Error ? error.message : String(error);
  return new Failure(codeOf(code, message), `${about}: ${message || code}`, { cause: error, ...(code ? { details: { code } } : {}), ...(code === '55P03' ? lockedHint : {}) });
}

/** Whether a statement failed because the exported snapshot is gone (22023 invalid identifier, 55000 source is gone, 42704 since 17). */
export function isLostSnapshot(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return /snapshot/i.test(message ?? '') && ['22023', '55000', '42704', '58P01'].includes(code ?? '');
}

/** What a tool of PostgreSQL printed before it ended with an error, as a Failure. Keeps what names the problem, never rows, statements or secrets. */
export function toolFailure(tool: string, about: string, stderr: string, exit: string): Failure {
  // CONTEXT and DETAIL show rows, "Command was" shows statements, which may hold passwords: only the lines that name the error are kept.
  const lines = stderr.split('\n').filter((line) => /(error|fatal|panic): /i.test(line) && !/^(CONTEXT|DETAIL|STATEMENT|HINT)/i.test(line) && !/query was|command was/i.test(line));
  const said = lines.slice(0, 3).map((line) => line.slice(0, 300).trim()).join('; ') || exit;
  const message = `${about}: ${tool}: ${said.replaceAll(`${tool}: `, '')}`;
  if (/server version mismatch/i.test(stderr)) return new Failure('E_PREFLIGHT', message, { hint: 'install client tools of at least the server\'s version and name their folder as `binaries`' });
  if (/invalid snapshot identifier|could not import the requested snapshot|snapshot "[^"]*" does not exist/i.test(stderr)) return new Failure('E_HANDLE_LOST', message);
  if (/lock timeout/i.test(stderr)) {
    const table = /query was: LOCK TABLE (.{1,200}?) IN ACCESS SHARE MODE/i.exec(stderr)?.[1];
    return new Failure('E_SOURCE_UNREACHABLE', table === undefined ? message : `${message} (${table})`, lockedHint);
  }
  if (/no space left on device|could not (write|extend).*: no space|disk quota exceeded/i.test(stderr)) return new Failure('E_SOURCE_FULL', message);
  if (/password authentication failed|permission denied|row-level security|no pg_hba\.conf entry|must be (superuser|owner|able)|role "[^"]*" does not exist/i.test(stderr)) return new Failure('E_SOURCE_DENIED', message);
  if (/database "[^\n]*" does not exist/i.test(stderr)) return new Failure('E_SOURCE_PATH', message);
  if (/connection to server|could not connect|server closed the connection|terminating connection|connection to client lost|the database system is|no connection to the server/i.test(stderr)) return new Failure('E_SOURCE_UNREACHABLE', message);
  if (tool === 'pg_restore' && /could not open (input|toc|large object) ?(toc )?file|could not read|magic string|unexpected end of file|toc\.dat/i.test(stderr)) return new Failure('E_CORRUPT', message);
  // Not retryable: the same statement fails again until somebody changes the server.
  if (tool === 'pg_restore' && /error:  /i.test(stderr)) return new Failure('E_PREFLIGHT', message, { hint: 'the server of the target refuses a part of the dump: put that right there and run the restoration again' });
  return new Failure('E_INTERNAL', message);
}
