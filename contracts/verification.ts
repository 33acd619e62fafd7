import type { VerificationLevel } from './run.ts';

/** Argument of the workflow `verify`. */
export interface VerifyRequest {
  /** Whose queue does the work. */
  readonly cluster: string;
  readonly destination: string;
  readonly setId: string;
  readonly level: VerificationLevel;
}

/** Result of the workflow `verify`. */
export interface VerifyOutcome {
  readonly runId: string;
  readonly setId: string;
  readonly level: VerificationLevel;
  readonly ok: boolean;
  readonly checkedObjects: number;
  readonly checkedBytes: number;
  readonly damage: number;
  readonly damaged: readonly string[];
}
