import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

const firstPauseMs = 500;
const longestPauseMs = 15_000;
/** A process that lived this long did not fail at its start: the next pause is short again. */
const healthyMs = 30_000;

/**
 * Keeps a process running: started again when it dies, with growing pauses when it dies at once.
 * `stop` ends it for good: SIGTERM, and SIGKILL after `graceMs`.
 * @param ending when aborted, what ends stays ended: at a terminal Ctrl-C reaches the process too.
 */
export function supervise(name: string, start: () => Promise<ChildProcess>, say: (line: string) => void, ending: AbortSignal): { readonly started: Promise<void>; stop(graceMs: number): Promise<void> } {
  let stopping = false;
  let child: ChildProcess | undefined;
  const { promise: started, resolve, reject } = Promise.withResolvers<void>();
  const ended = (async () => {
    let pauseMs = firstPauseMs;
    for (let first = true; !stopping && !ending.aborted; first = false) {
      const begunMs = Date.now();
      try {
        child = await start();
      } catch (error) {
        if (first) {
          reject(error as Error);
          return;
        }
        say(`${name} could not be started: ${(error as Error).message}`);
        child = undefined;
      }
      resolve();
      const running = child;
      if (running !== undefined && running.exitCode === null && running.signalCode === null) await new Promise<void>((done) => running.once('exit', () => done()));
      if (stopping || ending.aborted) return;
      if (Date.now() - begunMs > healthyMs) pauseMs = firstPauseMs;
      say(`${name} ended (${running?.signalCode ?? running?.exitCode ?? 'not started'}); starting it again`);
      await sleep(pauseMs, undefined, { signal: ending }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  })();
  return {
    started,
    async stop(graceMs) {
      stopping = true;
      child?.kill('SIGTERM');
      const killer = setTimeout(() => child?.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(killer);
    },
  };
}
