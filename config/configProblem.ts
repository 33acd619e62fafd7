/** One thing that is wrong in the configuration. Never contains a value that may be secret. */
export interface ConfigProblem {
  /** Dotted path in the document: `tasks.nightly.sources.0.paths`. Empty for the document itself. */
  readonly path: string;
  /** Line of the key, from 1; 0 when there is no file. */
  readonly line: number;
  readonly message: string;
  readonly hint: string;
  /** `error`: nothing runs with this file. */
  readonly severity: 'error' | 'warning';
}
