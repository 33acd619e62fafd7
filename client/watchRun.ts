import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from './engine.ts';
import { failureOfRun } from './runFailure.ts';
import { showRun, type RunView } from './runView.ts';

const longPollMs = 60_000;
/** An engine that restarts comes back; one that stays away longer is reported. */
const usualPatienceMs = 120_000;
/** The engine said that the run has ended; its description says so a moment later at most. */
const againMs = 50;
/** After a look that failed. */
const retryMs = 1000;

/**
 * Follows a run until it ends and returns its result. An engine that goes away for a while is waited for.
 * @param onView told what there is to see, at the begin, at the end, and every `everyMs` in between
 * @param patienceMs how long the engine may stay away, however long each of its silences takes.
 * @throws Failure with the code the run ended with; the signal's reason when it is aborted (the run goes on)
 */
export async function watchRun<T>(engine: Engine, runId: string, onView: (view: RunView) => void, signal: AbortSignal, everyMs: number, patienceMs = usualPatienceMs): Promise<T> {
  const ended = new AbortController();
  void endOf(engine, runId, AbortSignal.any([signal, ended.signal])).then(() => ended.abort());
  const woken = AbortSignal.any([signal, ended.signal]);
  let awaySinceMs: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    try {
      const view = await showRun(engine, runId);
      awaySinceMs = undefined;
      onView(view);
      if (view.closedAt !== null) break;
    } catch (error) {
      awaySinceMs ??= Date.now();
      if (Date.now() - awaySinceMs > patienceMs || (error as { code?: string }).code === 'E_RUN_NOT_FOUND') throw error;
    }
    await sleep(awaySinceMs !== undefined ? retryMs : ended.signal.aborted ? againMs : everyMs, undefined, { signal: ended.signal.aborted ? signal : woken }).catch(() => undefined);
  }
  ended.abort();
  try {
    return (await engine.call(() => engine.client.workflow.getHandle(runId).result())) as T;
  } catch (error) {
    throw failureOfRun(error, runId);
  }
}

/** Waits until a run has ended, or for good when the engine does not say: looking again and again finds out too, only later. */
async function endOf(engine: Engine, runId: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await engine.call(() => engine.client.workflow.getHandle(runId).result(), longPollMs);
      return;
    } catch (error) {
      if ((error as { code?: string }).code === undefined) return;
      await sleep(1000, undefined, { signal }).catch(() => undefined);
    }
  }
}
