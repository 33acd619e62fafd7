import type { FailureCode } from './failures.ts';
import type { ExistingPolicy, RestoreMapping, RestoreMode } from './restore.ts';
import type { Limits, RunFailure } from './run.ts';

/** Argument of the workflow `restore`. */
export interface RestoreRequest {
  readonly planId: string;
  /** The cluster that is written to. */
  readonly toCluster: string;
  /** From which sets; several when no single one covers all instances of a mirrored cluster. */
  readonly sets: readonly { readonly destination: string; readonly setId: string; /** `hdfs` or `hdfs@hacluster`; empty: all. */ readonly sources: readonly string[] }[];
  readonly mode: RestoreMode;
  readonly existing: ExistingPolicy;
  readonly mapping: RestoreMapping;
  /** Restore only what lies at or below these keys; empty: everything. */
  readonly only: readonly string[];
  readonly limits: Limits;
  /** Approved by whoever started it: do not wait. */
  readonly approved: boolean;
  /** Compare only: nothing is written. */
  readonly compareOnly: boolean;
}

/** Argument of the workflow `mirror`. */
export interface MirrorRequest {
  readonly from: string;
  readonly to: string;
  /** ISO 8601 UTC, or `latest`: the newest sealed set at or before it is taken for every source instance. */
  readonly at: string;
  /** Only sets of these tasks; empty: of all. */
  readonly tasks: readonly string[];
  readonly mapping: RestoreMapping;
  readonly existing: ExistingPolicy;
  readonly limits: Limits;
  readonly compareOnly: boolean;
}

/** A source instance of one set in a restoration, in the order of the plan. */
export interface RestoreStep {
  /** Short and unique at its target: everything temporary there, and what is kept, is named after it. */
  readonly name: string;
  readonly source: string;
  readonly fromInstance: string;
  readonly toInstance: string;
  readonly destination: string;
  readonly repositoryId: string;
  readonly setId: string;
  readonly recoveryPoint: string;
  readonly entries: number;
  readonly bytes: number;
  /** The chosen keys that are this source's; empty: everything. */
  readonly only: readonly string[];
}

/** The plan as the operator sees it; kept as `restorations/<planId>/plan.json`. The digest is over everything else in canonical JSON. */
export interface RestorationPlan {
  readonly version: 1;
  readonly planId: string;
  readonly digest: string;
  readonly createdAt: string;
  readonly request: RestoreRequest;
  /** In dependency order. */
  readonly order: readonly RestoreStep[];
  /** One line each. */
  readonly steps: readonly string[];
  readonly conflicts: readonly string[];
  readonly stops: readonly string[];
  readonly losses: readonly string[];
  readonly spaceNeeded: number;
  readonly spaceFree: number | null;
  /** Whether it may be approved at all, and why not. */
  readonly refused?: { readonly code: FailureCode; readonly reason: string };
}

/** What stays in workflow history of a plan: the texts are in the document. Answer of the query `plan`. */
export interface RestorationSummary {
  readonly planId: string;
  readonly digest: string;
  readonly destination: string;
  readonly order: readonly RestoreStep[];
  readonly conflicts: number;
  readonly losses: number;
  readonly spaceNeeded: number;
  readonly refused?: { readonly code: FailureCode; readonly reason: string };
  readonly approved: boolean;
}

export interface RestoredSource {
  readonly source: string;
  /** Where it was restored to. */
  readonly instance: string;
  readonly fromInstance: string;
  readonly entries: number;
  readonly bytes: number;
  /** Entries whose content and attributes were compared through the target's own read path. */
  readonly compared: number;
  readonly differences: number;
  /** At most 100, one line each. */
  readonly differing: readonly string[];
  /** Entries that could not be given back (damaged or with a gap in the set); at most 100 named. */
  readonly missing: number;
  readonly missingNames: readonly string[];
  readonly safetyPoint: string | null;
  readonly seconds: number;
}

/** Result of the workflows `restore` and `mirror`. */
export interface RestoreOutcome {
  readonly runId: string;
  readonly planId: string;
  /** `restored` and equal; `differences`: done, but the comparison found some, or entries are missing; `compared`: nothing was written. */
  readonly outcome: 'restored' | 'differences' | 'compared';
  readonly sources: readonly RestoredSource[];
  /** What was kept of the state before, by name, in place only. */
  readonly safetyPoint: string | null;
  /** From approval to the end. */
  readonly rtoSeconds: number;
  readonly failures: readonly RunFailure[];
}
