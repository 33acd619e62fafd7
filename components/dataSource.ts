import type { z } from 'zod';
import type { Change, Entry, Json } from '../contracts/entry.ts';
import type { Handle } from '../contracts/handle.ts';
import type { RestoreMapping, RestoreMode, ExistingPolicy } from '../contracts/restore.ts';
import type { Problem } from '../contracts/problem.ts';
import type { SecretReader } from '../contracts/secretReader.ts';

/**
 * One row of the support matrix: something that is backed up and restored as a whole, of one component.
 * Everything Temporal, every directory type and the backup format are unknown here.
 */
export interface DataSource<Instance = unknown, Selection = unknown> {
  /** Its name in tasks: `hdfs`, `dbservice`, ... */
  readonly name: string;
  /** The service it belongs to, as in the configuration's `services`: `HDFS`, `DBService`, ... */
  readonly component: string;
  readonly kind: 'metadata' | 'serviceData';
  /** Strict schema of a service instance's block in the configuration. Shared by all data sources of a component. */
  readonly instance: z.ZodType<Instance>;
  /** Strict schema of what a task may select, beside `source` and `instance`. */
  readonly selection: z.ZodType<Selection>;
  /** Where the content of an entry is cut: `fixed` for files that never change, `contentDefined` for dumps taken in full every time. */
  readonly chunking: 'fixed' | 'contentDefined';
  /** Names of data sources whose handle is taken, and which are restored, before this one's. */
  readonly runsAfter: readonly string[];
  /** Names of data sources that may not be restored in the same restoration, each with the reason. */
  readonly neverWith: Readonly<Record<string, string>>;
  /** Attributes that legitimately differ between an entry and its restored twin (`fileId`, `accessTime`), left out of comparisons. */
  readonly incomparableAttributes: readonly string[];
  /** How much of what `other` holds has its place in `one` too: sets of several tasks that overlap cannot be restored side by side. */
  covered(one: SetContent, other: SetContent): 'all' | 'some' | 'none';
  /** Whether a key has the form of this source's keys, so that a choice of keys goes to the sources it means. */
  ownsKey(key: string): boolean;
  connect(instance: Instance, context: SourceContext): Promise<SourceSession<Selection>>;
}

export type { Handle };

/** What a set says about what it holds of a source: the selection of its task, and the source's own inventory. */
export interface SetContent {
  readonly selection: Json;
  readonly inventory: SourceDescription['inventory'];
}

export interface SourceContext {
  readonly cluster: string;
  /** Name of the service instance: `hacluster`, `DBService`, ... */
  readonly instance: string;
  readonly readSecret: SecretReader;
  /** A folder of this worker for large temporary things. Everything in it belongs to a handle or a restoration and is named after it. */
  readonly scratchFolder: string;
  /** Held by the worker process as long as it lives, for what cannot be kept anywhere else (an open transaction). Keyed by handle name. */
  readonly held: Map<string, AsyncDisposable>;
}

/** What a source says about itself in a set: kept in `sources/<source>@<instance>.json`. */
export interface SourceDescription {
  /** Version of the service. */
  readonly version: string;
  /** Facts a restore needs and a person wants to read (defaults, policies, roles, databases with their service and owner). Bounded. */
  readonly inventory: { readonly [name: string]: Json };
  /** What could not be carried or is not as it seems, in sentences: open files, encryption zones, symlinks. Bounded to 1,000 of each kind. */
  readonly warnings: readonly string[];
}

export interface PlanReport {
  /** `full`: all of the source was listed. `incremental`: only what changed since the parent. */
  readonly kind: 'full' | 'incremental';
  /** Why an increment was not possible, in a sentence, when one was asked for. */
  readonly fellBack?: string;
}

/** Where and how a restoration writes. Small; known to the plan the operator approved. */
export interface RestoreTarget {
  /** Name of the restoration, `[a-z0-9.-]+`: everything temporary is named after it. */
  readonly name: string;
  readonly mode: RestoreMode;
  readonly existing: ExistingPolicy;
  readonly mapping: RestoreMapping;
  /** The instance the data came from. */
  readonly fromInstance: string;
  /** The set's own description of the source. */
  readonly description: SourceDescription;
  /** The selection of the task that made the set. */
  readonly selection: Json;
  /** Restore only entries at or below these keys; empty means all. */
  readonly only: readonly string[];
}

/**
 * `content`: attributes and every byte. `attributes`: a digest in the attributes stands for the content (rows of a table, whatever their order).
 * `nothing`: it is never the same twice (a dump's table of contents holds a date).
 */
export type Comparable = 'content' | 'attributes' | 'nothing';

/** A source's part of a restoration plan. */
export interface RestorePlanPart {
  /** One line each: what will be done, in order. */
  readonly steps: readonly string[];
  /** Targets that exist already, or cannot be written. Nothing is restored while there is one under policy `fail`. */
  readonly conflicts: readonly string[];
  /** Services and users that are interrupted, and for how long. */
  readonly stops: readonly string[];
  /** What will not be as it was, or is overwritten. */
  readonly losses: readonly string[];
  readonly spaceNeeded: number;
  /** Bytes free at the target, `undefined` when it does not say. */
  readonly spaceFree: number | undefined;
}

/**
 * A live connection to one service instance. Methods throw `Failure` with a source code; nothing is retried inside
 * except what the protocol itself demands (another NameNode of an HA pair). All of them may be repeated after a crash.
 */
export interface SourceSession<Selection = unknown> extends AsyncDisposable {
  /** Checks everything a backup of this selection needs; `null`: the service instance alone. Changes nothing. */
  preflight(selection: Selection | null): Promise<{ readonly version: string; readonly problems: readonly Problem[] }>;

  /** Fixes the point in time under this name: seconds at most, whatever the size. Repeating it returns the same handle while it lives. */
  takeHandle(name: string, selection: Selection): Promise<Handle>;
  /** Gives it back; missing is done. */
  dropHandle(name: string, selection: Selection): Promise<void>;
  /** Names of all handles of this product that exist, for finding leftovers. */
  listHandles(selection: Selection): Promise<readonly string[]>;

  /**
   * Everything in the handle, or (with `since`) what changed between the two handles, ordered by `compareKeys`. Bounded memory.
   * Reports through `report` before the first change is yielded. `openBefore`: keys that were open for writing in the parent set.
   * @throws Failure E_HANDLE_LOST when the handle itself is gone (the run then takes a new one).
   */
  plan(handle: Handle, selection: Selection, since: { readonly handle: Handle; readonly openBefore: readonly string[] } | undefined, report: (report: PlanReport) => void, signal?: AbortSignal): AsyncIterable<Change>;
  /** What goes into the set beside the entries. Called after `plan`, with its handle. */
  describe(handle: Handle, selection: Selection): Promise<SourceDescription & { readonly openKeys: readonly string[] }>;
  /** The entry with the attributes that cost a request of their own (ACL, xattrs, quota); no promise where nothing was asked. */
  complete(handle: Handle, entry: Entry, signal?: AbortSignal): Entry | Promise<Entry>;
  /**
   * Bytes of a file entry from the handle, never from live data. Exactly `length` bytes from `offset`.
   * @throws Failure E_HANDLE_LOST, E_CORRUPT when the source gives fewer bytes than it listed.
   */
  read(handle: Handle, entry: Entry, offset: number, length: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Absolute path of a file of this machine that is the content of a file entry and stands still while the handle lives; absent where there is none.
   * Such content is read on the threads that compress it, and never touches the main thread; `read` gives the same bytes.
   */
  localContent?(handle: Handle, entry: Entry): string | undefined;

  /** Looks at the target and says what a restoration would do. Changes nothing. */
  planRestore(target: RestoreTarget, totals: { readonly entries: number; readonly bytes: number }): Promise<RestorePlanPart>;
  /** First step: everything that must exist before entries are written (roles, a staging folder). */
  beginRestore(target: RestoreTarget): Promise<void>;
  /** Whether the entry is at the target already, whole and right, so that it need not be written (again). Only called after `beginRestore`. */
  isRestored(target: RestoreTarget, entry: Entry, signal?: AbortSignal): Promise<boolean>;
  /**
   * Writes one entry. `body` yields verified bytes only and throws if it cannot; then nothing appears at the target. Atomic per entry.
   * Directories arrive before everything below them. Entries of one call run concurrently with others.
   */
  writeEntry(target: RestoreTarget, entry: Entry, body: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void>;
  /** Attributes of a directory, after everything below it was written; called children first. */
  settleDirectory(target: RestoreTarget, entry: Entry, signal?: AbortSignal): Promise<void>;
  /** Turns what was written into the restored thing (loads dumps into databases). Entries are complete now. May take long; `progress` says so. */
  finishRestore(target: RestoreTarget, progress: (line: string) => void, signal?: AbortSignal): Promise<void>;

  /** The entry as it is at the target now, by the target's own read path, for comparison; `undefined` when it is not there. */
  statRestored(target: RestoreTarget, entry: Entry, signal?: AbortSignal): Promise<Entry | undefined>;
  /** Its bytes, by the target's own read path. */
  readRestored(target: RestoreTarget, entry: Entry, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** What of this entry can be compared with its restored twin. */
  comparable(entry: Entry): Comparable;

  /** In place only: puts the restored thing where it belongs, keeping what was there. Quick, reversible, repeatable. Returns the name of what was kept. */
  commitRestore(target: RestoreTarget): Promise<{ readonly safetyPoint: string | undefined }>;
  /** The way back: undoes `commitRestore` if it happened and removes everything the restoration made. */
  rollbackRestore(target: RestoreTarget): Promise<void>;
  /** Whether anything temporary of this restoration is at the target: what `rollbackRestore` or `releaseRestore` would remove. Changes nothing. */
  isUnfinished(target: RestoreTarget): Promise<boolean>;
  /** Removes what is temporary after a success (scratch files, staging); never the safety point. */
  releaseRestore(target: RestoreTarget): Promise<void>;
}
