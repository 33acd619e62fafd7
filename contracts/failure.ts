import { failures, type FailureCode, type FailureRule } from './failures.ts';

/** What the place that failed may add to the table's row. Nothing secret: it is printed, logged and kept in workflow history. */
export interface FailureOptions {
  /** The next step, better than the table's own hint. */
  readonly hint?: string;
  /** Small machine-readable facts (names, counts); never file lists. */
  readonly details?: Record<string, unknown>;
  readonly cause?: unknown;
}

/** The only error our own code throws on purpose: what went wrong, on what, under a stable code. Translated at the edges. */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly hint: string;
  readonly details: Record<string, unknown>;

  constructor(code: FailureCode, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Failure';
    this.code = code;
    this.hint = options.hint ?? failures[code].hint;
    this.details = options.details ?? {};
  }

  /** The table's row of this code. */
  get rule(): FailureRule {
    return failures[this.code];
  }
}
