/** One row of the failure table: what a code means to Temporal, to a shell script and to a person. */
export interface FailureRule {
  /** The family a code belongs to: who has to act. */
  readonly kind: 'usage' | 'configuration' | 'refused' | 'approval' | 'destination' | 'source' | 'engine' | 'damage' | 'run' | 'internal';
  /** Whether waiting and trying the same thing again can help. Says nothing about who is to blame. */
  readonly retryable: boolean;
  /** The exit code of a command that ends with this failure. */
  readonly exitCode: 1 | 2 | 3 | 4 | 5 | 6 | 130;
  /** What to do next, when the place that failed knows nothing better. */
  readonly hint: string;
}

/** The one table of failure codes. Codes are stable: scripts and alert rules match on them. */
export const failures = {
  E_USAGE: { kind: 'usage', retryable: false, exitCode: 2, hint: 'see the command with --help' },
  E_NOT_BUILT: { kind: 'usage', retryable: false, exitCode: 2, hint: 'mrs-backup support show tells what is built' },
  E_CONFIG: { kind: 'configuration', retryable: false, exitCode: 2, hint: 'mrs-backup config check names every problem with its line' },
  E_SECRET: { kind: 'configuration', retryable: false, exitCode: 2, hint: 'check the file or environment variable that the reference names' },
  E_KEY: { kind: 'configuration', retryable: false, exitCode: 2, hint: 'the key reference of the destination must open this repository' },
  E_SET_NOT_FOUND: { kind: 'usage', retryable: false, exitCode: 2, hint: 'mrs-backup set list --destination NAME shows the sets' },
  E_RUN_NOT_FOUND: { kind: 'usage', retryable: false, exitCode: 2, hint: 'mrs-backup run list shows the runs' },

  E_PREFLIGHT: { kind: 'refused', retryable: false, exitCode: 4, hint: 'mrs-backup cluster check and destination check name what is missing' },
  E_UNSUPPORTED: { kind: 'refused', retryable: false, exitCode: 4, hint: 'mrs-backup support show gives the reason' },
  E_BUSY: { kind: 'refused', retryable: false, exitCode: 4, hint: 'mrs-backup run list shows the run that holds it' },
  E_TARGET_EXISTS: { kind: 'refused', retryable: false, exitCode: 4, hint: 'choose another target with --map, or --existing skip|force' },
  E_PLAN_CHANGED: { kind: 'refused', retryable: false, exitCode: 4, hint: 'make a new plan and approve that one' },
  E_APPROVAL: { kind: 'approval', retryable: false, exitCode: 5, hint: 'mrs-backup restoration approve PLAN, then run it again' },

  E_ENGINE_UNREACHABLE: { kind: 'engine', retryable: true, exitCode: 6, hint: 'start it with: mrs-backup up' },

  E_DESTINATION_UNREACHABLE: { kind: 'destination', retryable: true, exitCode: 6, hint: 'check that the server is up and reachable; a run goes on by itself when it is back' },
  E_DESTINATION_FULL: { kind: 'destination', retryable: true, exitCode: 1, hint: 'make space, or raise the quota, at the destination; the run goes on by itself' },
  E_DESTINATION_READ_ONLY: { kind: 'destination', retryable: true, exitCode: 1, hint: 'make the destination writable again; the run goes on by itself' },
  E_DESTINATION_DENIED: { kind: 'destination', retryable: false, exitCode: 4, hint: 'check the user, the credential and the rights on the path' },
  E_DESTINATION_PATH: { kind: 'destination', retryable: false, exitCode: 4, hint: 'check the path of the destination in the configuration' },
  E_OBJECT_NOT_FOUND: { kind: 'damage', retryable: false, exitCode: 3, hint: 'mrs-backup set verify SET --level content names everything that is hit' },

  E_SOURCE_UNREACHABLE: { kind: 'source', retryable: true, exitCode: 6, hint: 'check that the service is up and reachable; a run goes on by itself when it is back' },
  E_SOURCE_DENIED: { kind: 'source', retryable: false, exitCode: 4, hint: 'check the user of the service instance and its rights' },
  E_SOURCE_PATH: { kind: 'source', retryable: false, exitCode: 4, hint: 'check the selection of the task in the configuration' },
  E_SOURCE_FULL: { kind: 'source', retryable: true, exitCode: 1, hint: 'make space, or raise the quota, on the cluster; the run goes on by itself' },
  E_HANDLE_LOST: { kind: 'source', retryable: false, exitCode: 1, hint: 'the point in time was removed under the run; start the run again' },

  E_CORRUPT: { kind: 'damage', retryable: false, exitCode: 3, hint: 'mrs-backup set verify SET --level content names everything that is hit' },
  E_FORMAT: { kind: 'damage', retryable: false, exitCode: 1, hint: 'written by another version of mrs-backup, or not a backup repository; see docs/format.md' },
  E_DIFFERENCES: { kind: 'damage', retryable: false, exitCode: 3, hint: 'the report lists what differs' },

  E_GAPS: { kind: 'run', retryable: false, exitCode: 3, hint: 'mrs-backup run show RUN lists what is missing' },
  E_CANCELLED: { kind: 'run', retryable: false, exitCode: 1, hint: 'start it again with: mrs-backup task run' },
  E_INTERRUPTED: { kind: 'run', retryable: false, exitCode: 130, hint: 'the run goes on; mrs-backup run watch RUN attaches again' },
  E_INTERNAL: { kind: 'internal', retryable: true, exitCode: 1, hint: 'this is a defect of mrs-backup; please report it with the message' },
} as const satisfies Record<string, FailureRule>;

/** A stable failure code. */
export type FailureCode = keyof typeof failures;
