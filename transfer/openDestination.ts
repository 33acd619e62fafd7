import type { SourceIndex } from '../backupset/readIndex.ts';
import type { Repository } from '../backupset/repository.ts';

/** A destination of a run, opened: where to write, and what to know while writing. */
export interface OpenDestination {
  readonly name: string;
  readonly repository: Repository;
  /** The parent set's index of this source instance; `undefined` for a full run. */
  readonly parent: SourceIndex | undefined;
  /** Keys of objects that a verification found bad: never referenced again, written again where they come up. */
  readonly bad: ReadonlySet<string>;
}
