import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from './engine.ts';
import { failureOfRun } from './runFailure.ts';
import { showRun, type RunView } from './runView.ts';

/**
 * Follows a run until it ends and returns its result. An engine that goes away for a while is waited for.
 * @param onView told about every second what there is to see.
 * @throws Failure with the code the run ended with; the signal's reason when it is aborted (the run goes on)
 */
export async function watchRun<T>(engine: Engine, runId: string, onView: (view: RunView) => void, signal: AbortSignal, everyMs = 1000): Promise<T> {
  for (let failing = 0; ; ) {
    signal.throwIfAborted();
    try {
      const view = await showRun(engine, runId);
      failing = 0;
      onView(view);
      if (view.closedAt !== null) break;
    } catch (error) {
      // An engine that restarts comes back; one that stays away for a minute is reported.
      if (++failing > 30 || (error as { code?: string }).code === 'E_RUN_NOT_FOUND') throw error;
    }
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
  try {
    return (await engine.call(() => engine.client.workflow.getHandle(runId).result())) as T;
  } catch (error) {
    throw failureOfRun(error, runId);
  }
}
