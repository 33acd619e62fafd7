import { CommanderError } from 'commander';
import { Failure } from '../../contracts/failure.ts';
import { failures, type FailureCode } from '../../contracts/failures.ts';
import type { Output } from './output.ts';

/** A result was printed already; only the exit code says that it is not all good. */
export class ExitCode extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.name = 'ExitCode';
    this.exitCode = exitCode;
  }
}

/** Prints what a command failed with, two lines on standard error, and returns its exit code. */
export function reportFailure(error: unknown, output: Output): number {
  if (error instanceof ExitCode) return error.exitCode;
  // Help and version are no failures.
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const { code, message, hint, details } = error instanceof CommanderError ? usage(error) : toFailure(error);
  process.stderr.write(`error[${code}]: ${oneLine(message)}\nhint: ${oneLine(hint)}\n`);
  output.failure({ code, message, hint, details });
  return failures[code].exitCode;
}

/** Our own failure, or the defect that an unknown exception is. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new Failure('E_INTERNAL', message, { cause: error });
}

function usage(error: CommanderError): { code: FailureCode; message: string; hint: string; details: object } {
  const message = error.message.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)$/s, '');
  const suggestion = /\(Did you mean (.*)\?\)/.exec(error.message)?.[1];
  const missing = error.code === 'commander.help';
  return {
    code: 'E_USAGE',
    message: missing ? 'a command is missing' : message,
    hint: suggestion === undefined ? failures.E_USAGE.hint : `did you mean ${suggestion}?`,
    details: {},
  };
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
