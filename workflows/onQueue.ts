import { proxyActivities } from '@temporalio/workflow';
import type { ClusterActivities, ControlActivities } from '../contracts/activities.ts';
import { clusterQueue, controlQueue } from '../contracts/names.ts';
import { stoppable } from './stoppable.ts';

const retry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10s' } as const;

/** A dead worker is noticed after this; every activity beats by itself (see activities/interceptor). */
const heartbeatTimeout = '10s';

/**
 * What is cancelled (by an operator, a pause, new limits) is waited for: it may still be writing, and what is cleaned up or done again
 * beside it would not stay so. The SDK documents this as its default, but without the option it does not wait.
 */
const cancellationType = 'WAIT_CANCELLATION_COMPLETED';

/** Restores come before backups, backups before checks, when workers are short. */
export type Urgency = 'restore' | 'backup' | 'verify';
const priorityKey = { restore: 1, backup: 3, verify: 5 } as const;

/** Activities that read configuration. */
export function onControl(): ControlActivities {
  return stoppable(proxyActivities<ControlActivities>({ taskQueue: controlQueue, startToCloseTimeout: '2m', scheduleToCloseTimeout: '15m', heartbeatTimeout, retry, cancellationType }));
}

/**
 * Activities next to a cluster.
 * `brief`: given up when it could not be done within a quarter of an hour, waiting included (checks before a run).
 * `patient`: a source or destination may be gone for days; the run waits, and says for what.
 * `owed`: compensation; tried for a day, then left to `mrs-backup reap`.
 * `once`: compensation at a place that was given up: tried once, then left.
 */
export function onCluster(cluster: string, patience: 'brief' | 'patient' | 'owed' | 'once', urgency: Urgency): ClusterActivities {
  const scheduleToCloseTimeout = { brief: '15m', patient: '7d', owed: '1d', once: '15m' } as const;
  return stoppable(proxyActivities<ClusterActivities>({
    taskQueue: clusterQueue(cluster),
    startToCloseTimeout: patience === 'patient' ? '7d' : '10m',
    scheduleToCloseTimeout: scheduleToCloseTimeout[patience],
    heartbeatTimeout,
    retry: patience === 'once' ? { maximumAttempts: 1 } : retry,
    cancellationType,
    priority: { priorityKey: priorityKey[urgency], fairnessKey: cluster },
  }));
}
