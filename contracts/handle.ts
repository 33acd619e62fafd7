import type { Json } from './entry.ts';

/** A cheap, named point in time of a source instance. Small enough for workflow history; nothing secret. */
export interface Handle {
  /** From the run: `[a-z0-9.-]+`, at most 60 characters. A retry of `takeHandle` with the same name finds its own. */
  readonly name: string;
  /** ISO 8601 UTC, by the clock of the worker. */
  readonly takenAt: string;
  /** What the source needs to find it again. */
  readonly data: { readonly [name: string]: Json };
}
