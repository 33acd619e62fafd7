import type { FramePool } from '../backupset/framePool.ts';
import type { Repository } from '../backupset/repository.ts';
import type { RestoreTarget, SourceSession } from '../components/dataSource.ts';

/** What all steps of a restoration of one source instance need. */
export interface RestoreContext {
  readonly target: SourceSession;
  readonly where: RestoreTarget;
  readonly repository: Repository;
  /** Staging folder of this source instance. */
  readonly folder: string;
  readonly pool: FramePool;
  readonly signal: AbortSignal;
  /** Called with bytes read; waits where the bandwidth is limited. */
  readonly took: (bytes: number) => Promise<void>;
  /** Called now and then with what is done of the shard. */
  readonly progress: (done: { readonly entries: number; readonly bytes: number }) => void;
}
