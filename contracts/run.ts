import type { FailureCode } from './failures.ts';
import type { Handle } from './handle.ts';
import type { Json } from './entry.ts';

/** One source instance of a cluster with what a task selects of it. */
export interface SourceRef {
  readonly cluster: string;
  readonly source: string;
  readonly instance: string;
  readonly selection: Json;
}

/** What an operator may change while a run goes on. */
export interface Limits {
  /** Bytes a second over all of the run's shards; `null` is no limit. */
  readonly bandwidth: number | null;
  /** Shards in work at once, per source instance. */
  readonly parallel: number;
}

export interface Steering {
  readonly paused: boolean;
  readonly limits: Limits;
}

export type VerificationLevel = 'presence' | 'stored' | 'content';

/** Argument of the workflow `backup`. Everything else comes from the configuration, read once at the start. */
export interface BackupRequest {
  readonly cluster: string;
  readonly task: string;
  /** Read everything, whatever the policy says. */
  readonly full?: boolean;
}

export interface RunFailure {
  readonly code: FailureCode;
  readonly message: string;
  readonly hint: string;
  /** What it concerns: a destination, or `<source>@<instance>`. */
  readonly about?: string;
}

export interface SourceOutcome {
  readonly source: string;
  readonly instance: string;
  readonly kind: 'full' | 'incremental';
  /** Why an increment fell back to a full listing. */
  readonly fellBack?: string;
  readonly recoveryPoint: string;
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
  /** Bytes newly stored by this run, at the first destination. */
  readonly storedBytes: number;
  /** Bytes read from the source by this run. */
  readonly readBytes: number;
  readonly gaps: number;
  readonly warnings: readonly string[];
  readonly seconds: number;
}

/** Result of the workflow `backup`. */
export interface BackupOutcome {
  readonly runId: string;
  readonly cluster: string;
  readonly task: string;
  /** `sealed` at every destination without gaps; `partial`: gaps, or not every destination; `failed` is an exception instead. */
  readonly outcome: 'sealed' | 'partial';
  readonly setIds: readonly string[];
  readonly recoveryPoint: string;
  readonly destinations: readonly { readonly name: string; readonly setId: string; readonly state: 'sealed' | 'failed'; readonly verified?: VerificationLevel; readonly damage?: number; readonly failure?: RunFailure }[];
  readonly sources: readonly SourceOutcome[];
  readonly failures: readonly RunFailure[];
  readonly seconds: number;
}

export type RunKind = 'backup' | 'verify' | 'restore' | 'mirror';

export type RunPhase =
  | 'resolve' | 'preflight' | 'prepare' | 'copy' | 'verify' | 'seal' | 'release'
  | 'plan' | 'approval' | 'restore' | 'compare' | 'commit' | 'rollback' | 'report' | 'done';

/** Progress of one source instance in a run. Answer of the query `sourceProgress`. */
export interface SourceProgress {
  readonly source: string;
  readonly instance: string;
  /** `waiting`: another run holds the instance. */
  readonly phase: 'waiting' | 'plan' | 'copy' | 'index' | 'restore' | 'finish' | 'compare' | 'done';
  readonly files: number;
  readonly bytes: number;
  readonly totalFiles: number;
  readonly totalBytes: number;
  readonly storedBytes: number;
  readonly shards: number;
  readonly shardsDone: number;
}

/** Answer of the query `progress`. Sources that have a child of their own are asked there: `children` names them. */
export interface RunProgress {
  readonly runId: string;
  readonly kind: RunKind;
  readonly cluster: string;
  readonly task?: string;
  readonly phase: RunPhase;
  readonly steering: Steering;
  readonly sources: readonly SourceProgress[];
  readonly children: readonly { readonly workflowId: string; readonly source: string; readonly instance: string }[];
  readonly setIds: readonly string[];
  readonly failures: readonly RunFailure[];
  /** What the workflow itself waits for (an approval, another run); what activities wait for is in their last failure. */
  readonly waitingFor?: string;
  readonly startedAt: string;
}

/** A destination as a run uses it: its repository must stay the same one all along. */
export interface DestinationRef {
  readonly name: string;
  readonly repositoryId: string;
  readonly setId: string;
}

/** The set an increment starts from, the same at every destination of the run. */
export interface ParentRef {
  readonly setId: string;
  readonly handle: Handle;
  readonly incrementsSinceFull: number;
}
