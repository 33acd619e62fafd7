/** Names that both sides of the engine must agree on. */

/** Queue of all workflows and of the activities that need no cluster beside them. */
export const controlQueue = 'mrs-backup';

/** Queue of the activities that move bytes or talk to a cluster, so that they can run next to it. */
export function clusterQueue(cluster: string): string {
  return `cluster/${cluster}`;
}

export const workflowNames = {
  backup: 'backup',
  copySource: 'copySource',
  verify: 'verify',
  restore: 'restore',
  restoreSource: 'restoreSource',
  mirror: 'mirror',
} as const;

/**
 * Ids people can read; the run id that commands print is the workflow id of the run.
 * `stamp` is a UTC time such as 20261124T185632Z. A copy's id is also the lock on its source instance: two runs never copy one instance at once.
 */
export const workflowIds = {
  backup: (cluster: string, task: string, stamp: string) => `backup/${cluster}/${task}/${stamp}`,
  copySource: (cluster: string, source: string, instance: string) => `copy/${cluster}/${source}@${instance}`,
  verify: (destination: string, setId: string, stamp: string) => `verify/${destination}/${setId}/${stamp}`,
  restore: (planId: string) => `restore/${planId}`,
  restoreSource: (cluster: string, source: string, instance: string) => `restore-into/${cluster}/${source}@${instance}`,
  mirror: (from: string, to: string, stamp: string) => `mirror/${from}/${to}/${stamp}`,
  schedule: (cluster: string, task: string) => `task/${cluster}/${task}`,
} as const;

/** Names of handles: the same for all sources of a run; readable in a list of snapshots. */
export const handleNames = {
  of: (task: string, runKey: string) => `mrs-backup.${handleNames.word(task)}.${runKey}`,
  /** A task in the name of its handles. */
  word: (task: string) => task.toLowerCase().replace(/[^a-z0-9-]/g, '-').slice(0, 30),
  /** The task's word and the run's key; undefined for any other name. */
  parse: (name: string): { readonly word: string; readonly runKey: string } | undefined => {
    const [, word, runKey] = /^mrs-backup\.([a-z0-9-]{1,30})\.([0-9a-f]{8})$/.exec(name) ?? [];
    return word === undefined || runKey === undefined ? undefined : { word, runKey };
  },
} as const;

/** Queries every run answers. */
export const queries = {
  /** → `RunProgress` (contracts/run.ts) of backup, restore, mirror and verify. */
  progress: 'progress',
  /** → `SourceProgress` of copySource and restoreSource. */
  sourceProgress: 'sourceProgress',
  /** → `RestorationSummary | null` of restore: the plan, once it is made. */
  plan: 'plan',
} as const;

/** Updates that steer a run; each answers when it took effect. */
export const updates = {
  /** () → `RunProgress`. Running shards stop at their last finished object. */
  pause: 'pause',
  /** () → `RunProgress` */
  resume: 'resume',
  /** (Partial<Limits>) → `RunProgress` */
  limit: 'limit',
  /** (digest: string) → `RestorationSummary`. Refused unless it is the digest of the plan. */
  approve: 'approve',
} as const;

/** Signals from a run to its children. */
export const signals = {
  /** (Steering) */
  steer: 'steer',
} as const;

/** Search attributes and their types in Temporal's visibility store. Nothing secret, no paths. */
export const searchAttributes = {
  BackupCluster: 'KEYWORD',
  BackupTask: 'KEYWORD',
  BackupDestination: 'KEYWORD',
  BackupKind: 'KEYWORD',
  BackupSet: 'KEYWORD',
  BackupOutcome: 'KEYWORD',
  BackupSources: 'KEYWORD_LIST',
  RecoveryPoint: 'DATETIME',
  BackupBytes: 'INT',
  BackupFiles: 'INT',
} as const;
