import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { untilShown, type Journey, type RunAnswer, type ShownRun } from './openJourney.ts';

/** Runs that meet a fault. */
export interface Runs {
  /** Starts a task and leaves it running. Returns the id of the run. */
  start(task: string): Promise<string>;
  /** What an operator sees of a run that waits; with `attempt`, once it was tried that often at least. */
  untilWaiting(runId: string, code: string, attempt?: number): Promise<ShownRun>;
  /** Whatever comes of a fault: a run that waits for ever would hold the source of all others. */
  duringFault(runId: string, mend: () => Promise<void>, look: () => Promise<void>): Promise<void>;
  /** Waits for the end; the set is whole. */
  expectSealed(runId: string, destination: string): Promise<RunAnswer>;
  /** Waits until a first pack is stored below a folder, so that what happens next happens in mid-run. */
  untilPacked(folder: string): Promise<void>;
}

/** @param journey the one that is open when a run is started */
export function runsOf(journey: () => Journey): Runs {
  return {
    async start(task) {
      return (await journey().product.json<{ runId: string }>(['task', 'run', task, '--detach'])).runId;
    },
    async untilWaiting(runId, code, attempt = 1) {
      return await untilShown(journey().product, runId, ({ waitingFor }) => waitingFor?.includes(code) === true && Number(/attempt (\d+)/.exec(waitingFor)?.[1] ?? 1) >= attempt);
    },
    async duringFault(runId, mend, look) {
      try {
        await look();
        await mend();
      } catch (error) {
        await mend().catch(() => undefined);
        await journey().product.run('run', 'cancel', runId, '--wait');
        throw error;
      }
    },
    async expectSealed(runId, destination) {
      const outcome = await journey().product.json<RunAnswer>(['run', 'watch', runId]);
      expect(outcome).toMatchObject({ outcome: 'sealed', failures: [] });
      expect(await journey().product.json(['set', 'verify', outcome.setIds[0]!, '--destination', destination, '--level', 'content'])).toMatchObject({ ok: true, damage: [] });
      return outcome;
    },
    async untilPacked(folder) {
      for (let tries = 0; tries < 600; tries++) {
        const names = await readdir(join(folder, 'packs'), { recursive: true }).catch(() => []);
        if (names.some((name) => /[0-9a-f]{64}/.test(name))) return;
        await sleep(50);
      }
      throw new Error(`nothing was stored in ${folder}`);
    },
  };
}
