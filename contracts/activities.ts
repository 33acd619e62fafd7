import type { Json } from './entry.ts';
import type { Handle } from './handle.ts';
import type { RestoreMapping } from './restore.ts';
import type { RestorationSummary, RestoredSource, RestoreOutcome, RestoreRequest, RestoreStep, MirrorRequest } from './restoration.ts';
import type { BackupOutcome, BackupRequest, DestinationRef, Limits, ParentRef, RunFailure, SourceRef, VerificationLevel } from './run.ts';

/** A source instance of a task. */
export interface PlannedSource extends SourceRef {
  /** Whether the newest handle stays for the next increment. */
  readonly keepHandle: boolean;
}

/** What a task means right now: read from the configuration once, then fixed for the run. */
export interface BackupPlan {
  readonly cluster: string;
  readonly task: string;
  /** In the order handles are taken. */
  readonly sources: readonly PlannedSource[];
  readonly destinations: readonly string[];
  readonly limits: Limits;
  readonly incremental: boolean;
  readonly fullEvery: number | null;
  readonly verify: VerificationLevel;
}

/** What the destinations hold of a source instance already. */
export interface FoundParent {
  /** The newest set all destinations share for this selection. */
  readonly parent: ParentRef | null;
  /** Why there is none although there are sets. */
  readonly because?: string;
  /** Handles of the newest sets, which a new sealed set makes needless. */
  readonly superseded: readonly { readonly name: string; readonly selection: Json }[];
}

export interface RunRef {
  /** Workflow id of the run. */
  readonly runId: string;
  /** Short and unique, `[a-z0-9-]+`: names handles, staging and temporary things. */
  readonly runKey: string;
}

/** A source instance's copy: same for all activities of a copySource. */
export interface CopyTask {
  readonly run: RunRef;
  readonly task: string;
  readonly ref: SourceRef;
  readonly handle: Handle;
  /** Counts up when the handle was lost and taken again: everything is planned and copied anew. */
  readonly attempt: number;
  readonly destinations: readonly DestinationRef[];
  readonly parent: ParentRef | null;
  /** Why there is no parent although the policy asks for increments. */
  readonly noParentBecause?: string;
}

export interface CopyPlan {
  readonly shards: number;
  readonly kind: 'full' | 'incremental';
  readonly fellBack?: string;
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
}

export interface ShardCopied {
  readonly entries: number;
  readonly files: number;
  /** Bytes of entries in the shard, read or referenced. */
  readonly bytes: number;
  readonly readBytes: number;
  readonly storedBytes: number;
  readonly gaps: number;
}

/** What one destination holds of one source, before sealing. */
export interface SourceSeal {
  readonly source: string;
  readonly instance: string;
  readonly kind: 'full' | 'incremental';
  readonly fellBack?: string;
  readonly recoveryPoint: string;
  readonly parentSetId: string | null;
  readonly table: { readonly digest: string; readonly length: number };
  readonly root: string;
  readonly entries: number;
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly gaps: number;
  readonly bytes: number;
  readonly storedBytes: number;
  readonly packsNew: number;
  readonly description: { readonly digest: string; readonly length: number };
  readonly warnings: readonly string[];
}

/** Activities of the control queue. */
export interface ControlActivities {
  resolveBackup(request: BackupRequest): Promise<BackupPlan>;
  resolveMirror(request: MirrorRequest): Promise<Pick<RestoreRequest, 'sets' | 'mapping'>>;
}

/** Activities of a cluster's queue. Each may be repeated at any point; what undoes it is said where something must be undone. */
export interface ClusterActivities {
  /** Source and destinations: everything the run needs. Changes nothing (but creates the repository where there is none). @throws E_PREFLIGHT */
  preflightSource(ref: SourceRef): Promise<{ readonly version: string; readonly warnings: readonly string[] }>;
  /** `newest`: where the task's newest set there stands in time, by its id. `destinations`: all of the run; one of several is waited for no longer than the task's patience. */
  preflightDestination(name: string, of?: { readonly cluster: string; readonly task: string; readonly destinations?: readonly string[] }): Promise<{ readonly repositoryId: string; readonly newest?: string }>;
  /** Undone by dropHandle. */
  takeHandle(run: RunRef, ref: SourceRef, name: string): Promise<Handle>;
  dropHandle(ref: SourceRef, name: string): Promise<void>;
  findParent(ref: SourceRef, task: string, destinations: readonly string[]): Promise<FoundParent>;
  /** Undone by abandonSet. */
  beginSet(run: RunRef, plan: BackupPlan, destination: DestinationRef, recoveryPoint: string): Promise<void>;

  planShards(copy: CopyTask): Promise<CopyPlan>;
  /** `isChecked`: every pack was read back as it was stored, and was right, so that there is nothing for checkShard to look at. Absent where nobody says so. */
  copyShard(copy: CopyTask, shard: number, limits: Limits): Promise<ShardCopied & { readonly isChecked?: boolean }>;
  /** Reads back what copyShard stored and does not vouch for. `false`: something was wrong; it has been removed and the shard must be copied again. */
  checkShard(copy: CopyTask, shard: number, limits: Limits): Promise<boolean>;
  buildIndex(copy: CopyTask, plan: CopyPlan, destination: DestinationRef): Promise<SourceSeal>;

  sealSet(run: RunRef, plan: BackupPlan, destination: DestinationRef, recoveryPoint: string, seals: readonly SourceSeal[]): Promise<void>;
  /**
   * `of`: whose set it is, at the end of the run that made it. It is then found without a listing, which may lag behind, and what was verified
   * before, or read back by the run, is not read again.
   */
  verifySet(destination: string, setId: string, level: VerificationLevel, of?: { readonly cluster: string; readonly task: string; readonly runKey: string }): Promise<{ readonly ok: boolean; readonly checkedObjects: number; readonly checkedBytes: number; readonly damage: number; readonly damaged: readonly string[] }>;
  /** Removes staging of the run, the set's folder where it was not sealed, and what else the run began of this task before it was reset. */
  cleanDestination(run: RunRef, destination: string, unsealed: { readonly cluster: string; readonly task: string; readonly setId: string } | null, of?: { readonly cluster: string; readonly task: string }): Promise<void>;
  recordHistory(run: RunRef, destination: string, record: BackupOutcome | RestoreOutcome | { readonly outcome: 'failed' | 'cancelled'; readonly runId: string; readonly failures: readonly RunFailure[] }): Promise<void>;

  planRestoration(request: RestoreRequest, runId: string): Promise<RestorationSummary>;
  recordApproval(destination: string, planId: string, digest: string): Promise<void>;
  beginRestore(restore: RestoreTask): Promise<void>;
  planRestoreShards(restore: RestoreTask): Promise<RestoreShards>;
  restoreShard(restore: RestoreTask, phase: RestoreShardPhase, shard: number, limits: Limits): Promise<ShardRestored>;
  finishRestore(restore: RestoreTask): Promise<void>;
  compareShard(restore: RestoreTask, phase: 'directories' | 'files', shard: number, limits: Limits): Promise<ShardCompared>;
  commitRestore(restore: RestoreTask): Promise<{ readonly safetyPoint: string | null }>;
  rollbackRestore(restore: RestoreTask): Promise<void>;
  releaseRestore(restore: RestoreTask): Promise<void>;
  reportRestoration(destination: string, planId: string, report: RestoreOutcome): Promise<void>;
}

export interface RestoreTask {
  readonly run: RunRef;
  readonly toCluster: string;
  readonly step: RestoreStep;
  readonly mode: RestoreRequest['mode'];
  readonly existing: RestoreRequest['existing'];
  readonly mapping: RestoreMapping;
}

/** `directories` first, parents before children; `files`; `settle`: directories again, children first. */
export type RestoreShardPhase = 'directories' | 'files' | 'settle';

export interface RestoreShards {
  readonly directoryShards: number;
  readonly fileShards: number;
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
}

export interface ShardRestored {
  readonly entries: number;
  readonly bytes: number;
  readonly missing: number;
  /** At most 20. */
  readonly missingNames: readonly string[];
}

export interface ShardCompared {
  readonly compared: number;
  readonly bytes: number;
  readonly differences: number;
  /** At most 20, one line each. */
  readonly differing: readonly string[];
}

export type { RestoredSource };
