import { queries } from '../contracts/names.ts';
import type { RunFailure, RunProgress, SourceProgress } from '../contracts/run.ts';
import type { Engine } from './engine.ts';
import { inFlight } from './heartbeats.ts';
import { failureOfRun } from './runFailure.ts';
import { waitingFor } from './waitingFor.ts';

export type RunState = 'running' | 'paused' | 'waiting' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed_out' | 'unknown';

/** A run as `run show` tells it. */
export interface RunView {
  readonly runId: string;
  readonly kind: string;
  readonly task: string | null;
  readonly cluster: string | null;
  readonly state: RunState;
  readonly phase: string | null;
  readonly progress: { readonly files: number; readonly bytes: number; readonly totalFiles: number; readonly totalBytes: number; readonly storedBytes: number; readonly ratePerSecond: number | null; readonly etaSeconds: number | null };
  readonly sources: readonly SourceProgress[];
  readonly waitingFor: string | null;
  readonly limits: { readonly bandwidth: number | null; readonly parallel: number } | null;
  readonly setIds: readonly string[];
  readonly failures: readonly RunFailure[];
  readonly startedAt: string;
  readonly closedAt: string | null;
  readonly result: unknown;
}

/** What the results of all kinds of runs have in common. */
interface RunOutcome {
  readonly setIds?: readonly string[];
  readonly sources?: readonly { readonly files?: number; readonly entries: number; readonly bytes: number; readonly storedBytes?: number }[];
}

const queryTimeoutMs = 5_000;

/**
 * Everything there is to know of a run now. A worker that does not answer is no error: it is what the run waits for.
 * @throws Failure E_RUN_NOT_FOUND, E_ENGINE_UNREACHABLE
 */
export async function showRun(engine: Engine, runId: string): Promise<RunView> {
  const handle = engine.client.workflow.getHandle(runId);
  const described = await engine.call(() => handle.describe());
  const attribute = (name: string) => {
    const value: unknown = (described.searchAttributes as Record<string, unknown[] | undefined>)[name]?.[0];
    return typeof value === 'string' ? value : null;
  };
  const open = described.status.name === 'RUNNING';
  const progress = open ? await query<RunProgress>(engine, runId, queries.progress) : undefined;
  const sources = progress === undefined ? [] : await sourcesOf(engine, progress);
  const closed = open ? undefined : await closing(engine, runId, described.status.name);
  const outcome = closed?.result as RunOutcome | undefined;
  const waits = open ? (progress?.waitingFor ?? (await waitingFor(engine, runId, described.taskQueue, progress))) : undefined;
  const total = totals(sources, outcome);
  return {
    runId, kind: described.type, task: progress?.task ?? attribute('BackupTask'), cluster: progress?.cluster ?? attribute('BackupCluster'),
    state: open ? (progress?.steering.paused === true ? 'paused' : waits !== undefined ? 'waiting' : 'running') : stateOf(described.status.name),
    phase: progress?.phase ?? (open ? null : 'done'), progress: { ...total, ...speed(total, described.startTime, open) }, sources, waitingFor: waits ?? null,
    limits: progress?.steering.limits ?? null, setIds: progress?.setIds ?? outcome?.setIds ?? [], failures: progress?.failures ?? closed?.failures ?? [],
    startedAt: described.startTime.toISOString(), closedAt: described.closeTime?.toISOString() ?? null, result: closed?.result ?? null,
  };
}

/** A run's or child's answer; undefined when nobody answers (no worker) or it is gone. */
async function query<T>(engine: Engine, workflowId: string, name: string): Promise<T | undefined> {
  try {
    return await engine.call(() => engine.client.workflow.getHandle(workflowId).query<T>(name), queryTimeoutMs);
  } catch {
    return undefined;
  }
}

async function sourcesOf(engine: Engine, progress: RunProgress): Promise<SourceProgress[]> {
  const children = await Promise.all(progress.children.map(async (child) => {
    // The restoration inside a mirror is itself a run with children.
    if (child.source === '*') {
      const inner = await query<RunProgress>(engine, child.workflowId, queries.progress);
      return inner === undefined ? [] : await sourcesOf(engine, inner);
    }
    const answer = await query<SourceProgress>(engine, child.workflowId, queries.sourceProgress);
    return answer === undefined ? [] : [await withShardsInWork(engine, child.workflowId, answer)];
  }));
  return [...progress.sources, ...children.flat()];
}

/** Adds what shards in work report. They are asked after the sum, so that a shard that ends in between is counted once or not at all, never twice. */
async function withShardsInWork(engine: Engine, workflowId: string, done: SourceProgress): Promise<SourceProgress> {
  if (done.bytes >= done.totalBytes) return done;
  try {
    const { files, bytes, storedBytes } = inFlight(await engine.call(() => engine.client.workflow.getHandle(workflowId).describe()));
    return { ...done, files: Math.min(done.files + files, done.totalFiles), bytes: Math.min(done.bytes + bytes, done.totalBytes), storedBytes: done.storedBytes + storedBytes };
  } catch {
    return done;
  }
}

async function closing(engine: Engine, runId: string, status: string): Promise<{ readonly result?: unknown; readonly failures: readonly RunFailure[] }> {
  try {
    const result: unknown = await engine.call(() => engine.client.workflow.getHandle(runId).result());
    return { result, failures: (result as { failures?: readonly RunFailure[] } | null)?.failures ?? [] };
  } catch (error) {
    const { code, message, hint } = failureOfRun(error, runId);
    return status === 'COMPLETED' ? Promise.reject(error) : { failures: [{ code, message, hint }] };
  }
}

function totals(sources: readonly SourceProgress[], outcome: RunOutcome | undefined) {
  if (outcome?.sources !== undefined) {
    const rows = outcome.sources;
    const files = rows.reduce((sum, each) => sum + (each.files ?? each.entries), 0);
    const bytes = rows.reduce((sum, each) => sum + each.bytes, 0);
    return { files, bytes, totalFiles: files, totalBytes: bytes, storedBytes: rows.reduce((sum, each) => sum + (each.storedBytes ?? 0), 0) };
  }
  const sum = (of: (each: SourceProgress) => number) => sources.reduce((total, each) => total + of(each), 0);
  return { files: sum((each) => each.files), bytes: sum((each) => each.bytes), totalFiles: sum((each) => each.totalFiles), totalBytes: sum((each) => each.totalBytes), storedBytes: sum((each) => each.storedBytes) };
}

/** Before this much, or a hundredth of everything, a rate says nothing about the rest. */
const telling = 64 << 20;

/** The mean since the start: a single look at a run has nothing better. */
function speed(total: { bytes: number; totalBytes: number }, startTime: Date, open: boolean) {
  const seconds = (Date.now() - startTime.getTime()) / 1000;
  if (!open || total.bytes === 0 || seconds <= 0) return { ratePerSecond: null, etaSeconds: null };
  const ratePerSecond = Math.round(total.bytes / seconds);
  return { ratePerSecond, etaSeconds: total.totalBytes > total.bytes && ratePerSecond > 0 && total.bytes >= Math.min(telling, total.totalBytes / 100) ? Math.ceil((total.totalBytes - total.bytes) / ratePerSecond) : null };
}

/** Temporal's status in our words. */
export function stateOf(status: string): RunState {
  const states: Readonly<Record<string, RunState>> = { RUNNING: 'running', COMPLETED: 'completed', FAILED: 'failed', CANCELLED: 'cancelled', CANCELED: 'cancelled', TERMINATED: 'terminated', TIMED_OUT: 'timed_out', CONTINUED_AS_NEW: 'running' };
  return states[status] ?? 'unknown';
}
