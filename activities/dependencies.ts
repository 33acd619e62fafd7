import type { FramePool } from '../backupset/framePool.ts';
import type { DataSource } from '../components/dataSource.ts';
import type { Config } from '../config/config.ts';
import type { SecretReader } from '../contracts/secretReader.ts';
import type { StorageDriver } from '../storage/storageDriver.ts';
import type { RateLimits } from '../transfer/rateLimit.ts';
import type { KeptSessions } from './keptSessions.ts';

/** What activities are made from; put together in worker/. */
export interface ActivityDependencies {
  /** Reads the operator's file anew, so that a change counts from the next activity on. */
  readonly config: () => Promise<Config>;
  readonly secrets: (config: Config) => SecretReader;
  readonly sources: readonly DataSource[];
  readonly drivers: readonly StorageDriver[];
  readonly sessions: KeptSessions;
  readonly pool: FramePool;
  readonly rates: RateLimits;
  /** Frames encoded at once, per shard. */
  readonly ahead: number;
  /** Large temporary files of this worker. */
  readonly scratchFolder: string;
  /** What must live as long as this process (see SourceContext.held), by instance. */
  readonly held: (cluster: string, instance: string) => Map<string, AsyncDisposable>;
  readonly version: string;
}
