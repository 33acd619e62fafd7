import type { FailureCode } from '../../contracts/failures.ts';

/** Something that a run left behind when it died. */
export interface Leftover {
  /**
   * `handle`: a point in time at a source, with its connections and scratch files; `restoration`: what an unfinished restoration made at its target;
   * `staging`, `set`, `temporary`: at a destination, what a run needed to go on, a set without a manifest, an object that was never whole.
   */
  readonly kind: 'handle' | 'restoration' | 'staging' | 'set' | 'temporary';
  /** A destination, or `<cluster>/<source>@<instance>`. */
  readonly where: string;
  readonly name: string;
  /** Objects and bytes, at a destination. */
  readonly objects?: number;
  readonly bytes?: number;
}

/** A leftover as long as nobody lives who owns it. */
export interface Candidate {
  readonly leftover: Leftover;
  /** Of the run it belongs to; undefined where `runId` tells, or where its age alone does. */
  readonly runKey: string | undefined;
  readonly runId: string | undefined;
  remove(signal: AbortSignal): Promise<void>;
}

/** A place that could not be looked at, or a leftover that could not be removed. */
export interface ReapFailure {
  readonly where: string;
  readonly name: string | null;
  readonly code: FailureCode;
  readonly message: string;
  readonly hint: string;
}
