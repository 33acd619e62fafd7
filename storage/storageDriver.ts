import type { z } from 'zod';
import type { SecretReader } from '../contracts/secretReader.ts';

/** What a directory type can do, as data: read by the conformance suite, the support matrix and `destination check`. */
export interface StorageCapabilities {
  /** Bytes survive a power loss once `put` returned. */
  readonly durable: boolean;
  /** `space()` answers with numbers. */
  readonly space: boolean;
  /** The bytes lie outside the cluster that is protected. `false` makes the matrix warn for service data. */
  readonly offCluster: boolean;
  /** Why something is not supported, by the name of the conformance case it concerns. Shown to the operator. */
  readonly limits: Readonly<Record<string, string>>;
}

/** What `open` needs beside the configuration. */
export interface StorageContext {
  /** Name of the destination in the configuration, for messages. */
  readonly name: string;
  readonly readSecret: SecretReader;
  /** Whose temporary objects these are, `[a-z0-9-]+`: a run. All of its own go with `sweep`, whatever their age. */
  readonly writer?: string | undefined;
  /** A run has been here: what is not there is away, and must not be made anew beneath a mount. */
  readonly mustExist?: boolean;
}

/** One directory type. A driver is one file; third-party clients are imported inside `open`. It classifies errors and never retries. */
export interface StorageDriver<Config = unknown> {
  readonly type: string;
  /** Strict schema of the destination's block in the configuration, `type` included. */
  readonly config: z.ZodType<Config>;
  readonly capabilities: StorageCapabilities;
  /**
   * Opens a session. Creates the root path if its parent exists, unless it must exist.
   * @throws Failure E_DESTINATION_UNREACHABLE, E_DESTINATION_DENIED, E_DESTINATION_PATH
   */
  open(config: Config, context: StorageContext): Promise<StorageSession>;
}

/** A byte range: `length` bytes from `offset`. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface StoredObject {
  readonly key: string;
  readonly length: number;
}

/** An object that is being written, or that its writer left when it died. */
export interface UnfinishedObject {
  readonly key: string;
  readonly length: number;
  /** The session's `writer` that began it; undefined for one without. */
  readonly writer: string | undefined;
  /** By the clock of the writer; undefined when its name does not tell. */
  readonly begunAt: Date | undefined;
}

/** What the writer promises about an object; the driver refuses anything else. */
export interface PutExpectation {
  readonly length: number;
  /** Lower-case hex SHA-256 of the bytes. */
  readonly sha256: string;
}

/**
 * An open destination. Keys are `/`-separated, relative, of any non-empty segments but `.` and `..`; no NUL.
 * Every method throws `Failure` with a destination code and names the object; `signal` aborts it promptly. When the root is not any more what was
 * opened (unmounted, replaced), that is E_DESTINATION_UNREACHABLE, and nothing is written to what is there instead.
 */
export interface StorageSession extends AsyncDisposable {
  /** What this very server can or cannot do, where that differs from its driver's capabilities. */
  readonly found?: Partial<Pick<StorageCapabilities, 'durable' | 'space' | 'limits'>> & {
    /** How the medium is reached, where its type has several ways. Shown to the operator. */
    readonly way?: string;
  };
  /** Making another one is dear (a log-in, a process), and holding it holds nothing of the operator's: a worker may leave it to the next step of a run. */
  readonly reusable?: boolean;
  /**
   * Stores an object, replacing one of the same key. Atomic: a reader sees the old object, none, or the whole new one, never a part.
   * Durable on return where the capability says so. Creates what is needed above the key. Safe to repeat, also concurrently.
   * @throws Failure E_CORRUPT when the body has another length or digest than promised; nothing is then stored.
   */
  put(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, signal?: AbortSignal): Promise<void>;
  /**
   * Like `put`, but only where there is no object of that key, as the destination itself decides: of several who create it at once, one does.
   * Absent where no destination of the type can decide. Returns whether it was stored; `undefined`: this one cannot tell, and nothing was stored.
   */
  create?(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, signal?: AbortSignal): Promise<boolean | undefined>;
  /**
   * Bytes of an object, or of a range of it. A range may not reach beyond the end. A chunk belongs to whoever gets it: who is done with one gives its
   * memory back with `freeOwnBuffer`, as waiting for the garbage collector costs fresh memory for each.
   * @throws Failure E_OBJECT_NOT_FOUND when it does not exist; E_CORRUPT when it is shorter than the range, or than its own length;
   * E_DESTINATION_UNREACHABLE also when it was replaced or removed in between and the medium does not keep what is being read.
   */
  get(key: string, range?: ByteRange, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Path by which this process reads the object as a file while the session is open; absent where objects are no files. Nothing is asked of the
   * destination: whether the object is there, and why not, only `get` says properly.
   */
  localFile?(key: string): string;
  /** Length of an object, or `undefined` when there is none. */
  stat(key: string, signal?: AbortSignal): Promise<{ readonly length: number } | undefined>;
  /** Objects whose key begins with `prefix` (`''`, or a folder ending in `/`), ordered by `compareKeys`, paged inside; never temporary ones. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<StoredObject>;
  /** Removes an object; absent is done. Leaves no empty folder behind where the medium has folders. */
  remove(key: string, signal?: AbortSignal): Promise<void>;
  /** Free and total bytes for this user; `undefined` where the medium does not say. Never a guess. */
  space(signal?: AbortSignal): Promise<{ readonly freeBytes: number | undefined; readonly totalBytes: number | undefined }>;
  /** Temporary objects, whoever's: what `sweep` would look at. In any order. */
  unfinished(signal?: AbortSignal): AsyncIterable<UnfinishedObject>;
  /**
   * Removes temporary objects of writers that died: older than `olderThanMs`, or of the session's own `writer`. Returns their keys, at most 1,000 a call.
   * @param below a folder that nobody uses any more: also what would become objects below it, where only the medium knows of them and not yet whose they
   * are, and folders without an object, such as one leaves who dies between making a folder and storing into it
   */
  sweep(olderThanMs: number, signal?: AbortSignal, below?: string): Promise<readonly string[]>;
}
