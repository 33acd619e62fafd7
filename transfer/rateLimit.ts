import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A share of bandwidth: the returned function waits until `bytes` more may pass.
 * @param bytesPerSecond `null`: no limit.
 */
export function rateLimit(bytesPerSecond: number | null, signal: AbortSignal): (bytes: number) => Promise<void> {
  if (bytesPerSecond === null) return async () => undefined;
  let freeAtMs = Date.now();
  return async (bytes) => {
    const startMs = Math.max(Date.now(), freeAtMs);
    freeAtMs = startMs + (bytes / bytesPerSecond) * 1000;
    const waitMs = freeAtMs - Date.now();
    if (waitMs > 5) await sleep(waitMs, undefined, { signal });
  };
}
