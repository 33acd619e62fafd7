import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Failure } from '../../contracts/failure.ts';
import type { PgAccess } from './pgConnection.ts';
import { serverName } from './pgConnection.ts';
import { toolFailure } from './pgFailure.ts';
import { sessionOptions } from './sessionOptions.ts';

export type PgTool = 'pg_dump' | 'pg_dumpall' | 'pg_restore';

export interface ToolRun {
  readonly args: readonly string[];
  /** Connect to the server with this application name; without it the tool only works on files. */
  readonly applicationName?: string;
  /** What it is about, for messages: `dump of database hivemeta`. */
  readonly about: string;
  readonly signal?: AbortSignal | undefined;
  /** An error of the tool that does no harm, when it is the only one. */
  readonly tolerates?: RegExp;
  /** Reads standard output to its end; without it the output is dropped. */
  readonly consume?: (stdout: Readable) => Promise<void>;
}

/** The argument that names a database, whatever its name: a bare name with `=` in it would be taken for a connection string. */
export function databaseArgument(database: string): string {
  return `--dbname=dbname='${database.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

async function environment(access: PgAccess, applicationName: string | undefined): Promise<NodeJS.ProcessEnv> {
  const kept: NodeJS.ProcessEnv = {};
  // Not the worker's whole environment: its PG* variables would change what is dumped, its secrets are none of the tool's business.
  for (const name of ['PATH', 'HOME', 'LD_LIBRARY_PATH', 'TMPDIR']) if (process.env[name] !== undefined) kept[name] = process.env[name];
  kept['LC_ALL'] = 'C';
  // Times with zone are dumped in the session's zone: fixed, so that equal data makes equal dumps everywhere.
  kept['PGTZ'] = 'UTC';
  if (applicationName === undefined) return kept;
  const { instance } = access;
  kept['PGPASSWORD'] = await access.readSecret(instance.password);
  kept['PGAPPNAME'] = applicationName;
  kept['PGCONNECT_TIMEOUT'] = '15';
  kept['PGOPTIONS'] = sessionOptions;
  kept['PGSSLMODE'] = instance.sslmode;
  if (instance.rootCertificate !== undefined) kept['PGSSLROOTCERT'] = instance.rootCertificate;
  return kept;
}

/**
 * Runs one of PostgreSQL's own tools to its end. The password goes through the child's environment only. Abort ends the child.
 * @throws Failure E_PREFLIGHT (no such tool, too old), E_HANDLE_LOST, E_SOURCE_*; the signal's reason when aborted
 */
export async function runTool(access: PgAccess, tool: PgTool, run: ToolRun): Promise<void> {
  run.signal?.throwIfAborted();
  const { instance } = access;
  const path = instance.binaries === undefined ? tool : join(instance.binaries, tool);
  const connection = run.applicationName === undefined ? [] : [`--host=${instance.host}`, `--port=${instance.port}`, `--username=${instance.user}`, '--no-password'];
  const child = spawn(path, [...connection, ...run.args], { env: await environment(access, run.applicationName), stdio: ['ignore', run.consume ? 'pipe' : 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => { if (stderr.length < 65_536) stderr += text; });
  const ended = new Promise<string | undefined>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve(status === 0 ? undefined : signal ? `ended by ${signal}` : `exit status ${status}`));
  });
  let killer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.kill('SIGTERM');
    killer ??= setTimeout(() => child.kill('SIGKILL'), 5_000);
  };
  run.signal?.addEventListener('abort', stop, { once: true });
  try {
    let consumeError: unknown;
    const consumed = run.consume ? run.consume(child.stdout!).catch((error: unknown) => { consumeError = error ?? new Error('failed'); stop(); }) : undefined;
    const [exit] = await Promise.all([ended, consumed]);
    run.signal?.throwIfAborted();
    if (consumeError !== undefined) throw consumeError;
    if (exit !== undefined && !(exit === 'exit status 1' && run.tolerates && hasOnly(stderr, run.tolerates))) throw toolFailure(tool, `${run.about} on ${serverName(access)}`, stderr, exit);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if ((code === 'ENOENT' || code === 'EACCES') && (error as NodeJS.ErrnoException).syscall?.startsWith('spawn')) {
      throw new Failure('E_PREFLIGHT', `${tool} cannot be run: ${code} for ${path}`, { hint: 'install PostgreSQL\'s client tools on the worker, or name their folder as `binaries` of the service instance', cause: error });
    }
    throw error;
  } finally {
    run.signal?.removeEventListener('abort', stop);
    clearTimeout(killer);
  }
}

/** Whether everything went on after one error, and that is this one. */
function hasOnly(stderr: string, harmless: RegExp): boolean {
  const errors = stderr.split('\n').filter((line) => /^pg_restore: error: /.test(line));
  return errors.length === 1 && harmless.test(errors[0] ?? '') && /errors ignored on restore: 1\s*$/.test(stderr);
}

/** All of a tool's output as text; for small outputs only (versions, help, tables of contents). */
export async function toolText(access: PgAccess, tool: PgTool, run: Omit<ToolRun, 'consume'>): Promise<string> {
  let text = '';
  await runTool(access, tool, { ...run, consume: async (stdout) => { for await (const part of stdout.setEncoding('utf8')) text += part as string; } });
  return text;
}

/** Major version of a tool. @throws Failure E_PREFLIGHT when it is missing */
export async function toolMajor(access: PgAccess, tool: PgTool): Promise<number> {
  const text = await toolText(access, tool, { args: ['--version'], about: `${tool} --version` });
  const major = Number(/\(PostgreSQL\) (\d+)/.exec(text)?.[1]);
  if (!Number.isInteger(major)) throw new Failure('E_PREFLIGHT', `${tool} says no PostgreSQL version: ${text.slice(0, 100).trim()}`);
  return major;
}

/** The arguments that keep a script's `\restrict` lines the same in every run, where the tool writes them at all. */
export async function fixedRestrictKey(access: PgAccess, tool: PgTool): Promise<readonly string[]> {
  const help = await toolText(access, tool, { args: ['--help'], about: `${tool} --help` });
  return help.includes('--restrict-key') ? ['--restrict-key=mrsbackup'] : [];
}
