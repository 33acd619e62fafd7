import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { leftInVault } from './leftInVault.ts';
import { untilShown, type Journey } from './openJourney.ts';
import { runsOf } from './runsOf.ts';

/** Runs to a server that can be killed. */
export interface DestinationRuns {
  /** Kills the server in the middle of the task `slow` and brings it back: the run waits, visibly, goes on, seals, and leaves nothing. */
  outliveServer(): Promise<void>;
  /** Cancels the task `slow` while the server is gone: what was begun there goes when it is back. */
  cancelWhileGone(): Promise<void>;
}

/** Where the task `slow` writes to. */
export interface KilledServer {
  readonly name: string;
  /** The process that is killed; all of them where it is not said. */
  readonly role?: string;
  readonly destination: string;
  /** Folder of its repository, as seen from here. */
  vault(): string;
}

/** @param journey the one that is open when a run is started */
export function destinationRuns(journey: () => Journey, server: KilledServer): DestinationRuns {
  const { start, expectSealed } = runsOf(journey);
  return {
    async outliveServer() {
      const runId = await killInTheMiddle();
      await journey().lab.up([server.name]);
      await expectSealed(runId, server.destination);
      expect(await leftInVault(server.vault())).toEqual([]);
    },
    async cancelWhileGone() {
      const sets = () => readdir(join(server.vault(), 'sets'), { recursive: true });
      const before = await sets();
      const runId = await killInTheMiddle();
      await journey().product.json(['run', 'cancel', runId]);
      await journey().lab.up([server.name]);
      await untilShown(journey().product, runId, (view) => view.state === 'cancelled', 90);
      expect(await leftInVault(server.vault())).toEqual([]);
      expect(await sets()).toEqual(before);
    },
  };
  /** Returns when the run waits for the server. */
  async function killInTheMiddle(): Promise<string> {
    const runId = await start('slow');
    await untilShown(journey().product, runId, (view) => view.phase === 'copy');
    await journey().lab.kill(server.name, server.role);
    await untilShown(journey().product, runId, (view) => view.waitingFor?.includes(server.destination) === true);
    return runId;
  }
}
