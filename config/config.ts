import type { Limits, SourceRef, VerificationLevel } from '../contracts/run.ts';
import type { SecretReference } from '../contracts/secretReader.ts';

/** The operator's file, checked and with every default filled in. Holds references to secrets, never secrets. */
export interface Config {
  /** Absolute path of the file. */
  readonly file: string;
  /** Folder that relative paths of secrets count from. */
  readonly folder: string;
  readonly engine: EngineConfig;
  readonly clusters: Readonly<Record<string, ClusterConfig>>;
  readonly destinations: Readonly<Record<string, DestinationConfig>>;
  readonly tasks: Readonly<Record<string, TaskConfig>>;
}

/** Where the engine is, or where the embedded one lives. */
export interface EngineConfig {
  /** `host:port` of a Temporal frontend; `undefined` means the embedded one of the state folder. */
  readonly address: string | undefined;
  /** Port of the embedded engine; `undefined` lets it choose a free one. */
  readonly port: number | undefined;
  readonly uiPort: number | undefined;
  /** State folder of the embedded engine, absolute. */
  readonly state: string;
  readonly namespace: string;
}

export interface ClusterConfig {
  readonly name: string;
  /** Component → instance name → the instance's block as its data source's schema parsed it. */
  readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface DestinationConfig {
  readonly name: string;
  readonly type: string;
  /** The block as the driver's schema parsed it, ready for `driver.open`. */
  readonly settings: unknown;
  readonly encryption: EncryptionConfig | undefined;
}

/** How the repository's data key is protected: exactly one of the two. */
export interface EncryptionConfig {
  readonly kind: 'key' | 'passphrase';
  readonly reference: SecretReference;
}

export interface TaskConfig {
  readonly name: string;
  readonly cluster: string;
  /** Every source instance the task covers; a source without `instance` is expanded to all of its service. In the order of the file. */
  readonly sources: readonly SourceRef[];
  readonly destinations: readonly string[];
  readonly policy: { readonly incremental: boolean; readonly fullEvery: number | null; readonly patienceMs: number };
  readonly schedule: ScheduleConfig | undefined;
  readonly retention: { readonly copies?: number; readonly keepDays?: number; readonly minimumVerified?: number } | undefined;
  readonly limits: Limits;
  readonly verify: VerificationLevel;
}

/** When a task runs by itself. Exactly one of `everyMs` and `cron`. */
export interface ScheduleConfig {
  readonly everyMs: number | undefined;
  readonly cron: string | undefined;
  /** Minutes after midnight of the first run of a day. */
  readonly atMinutes: number;
  readonly timeZone: string;
  readonly jitterMs: number;
  readonly overlap: 'skip' | 'bufferOne';
  /** How late a missed run may still be started. */
  readonly catchUpMs: number;
}
