import type { Peer } from './peers.ts';
import type { Samples } from './samples.ts';
import type { Subject } from './subject.ts';

/** What every part of the bench is given. */
export interface BenchOptions {
  /** Where corpora and results go. */
  readonly folder: string;
  readonly peers: readonly Peer[];
  /** Samples of each. */
  readonly runs: number;
  readonly subject: Subject;
  readonly samples: Samples;
  readonly say: (line: string) => void;
}
