import { setTimeout as sleep } from 'node:timers/promises';

/** Bandwidth of runs: one limit for everything that this worker reads and writes for a run, whatever shard or source it is for. */
export interface RateLimits {
  /**
   * The returned function waits until `bytes` more may pass for the run.
   * @param bytesPerSecond `null`: no limit. A run whose limit changes begins anew.
   */
  of(runKey: string, bytesPerSecond: number | null, signal: AbortSignal): (bytes: number) => Promise<void>;
}

interface Allowance {
  readonly bytesPerSecond: number;
  freeAtMs: number;
}

/** Runs that took nothing for so long are forgotten. */
const forgottenMs = 600_000;

export function createRateLimits(): RateLimits {
  const runs = new Map<string, Allowance>();
  return {
    of(runKey, bytesPerSecond, signal) {
      if (bytesPerSecond === null) return async () => undefined;
      for (const [key, { freeAtMs }] of runs) if (freeAtMs < Date.now() - forgottenMs) runs.delete(key);
      const before = runs.get(runKey);
      const mine = before?.bytesPerSecond === bytesPerSecond ? before : { bytesPerSecond, freeAtMs: Date.now() };
      runs.set(runKey, mine);
      return async (bytes) => {
        mine.freeAtMs = Math.max(Date.now(), mine.freeAtMs) + (bytes / bytesPerSecond) * 1000;
        const waitMs = mine.freeAtMs - Date.now();
        if (waitMs > 5) await sleep(waitMs, undefined, { signal });
      };
    },
  };
}
