import type { FailureCode } from './failures.ts';

/** Something a check found. `error` stops a run before it starts, `warning` does not. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly code: FailureCode;
  readonly message: string;
  readonly hint: string;
}
