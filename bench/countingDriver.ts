import { appendFileSync } from 'node:fs';
import type { AnyDriver } from '../storage/drivers.ts';
import { emptyCounts, metered } from '../storage/layers.ts';
import { wrapSession } from '../storage/wrapSession.ts';
import type { HttpRequests } from './httpRequests.ts';

/** Shorter than what a command takes to end after its run. */
const SOON_MS = 10;

/** The same driver; what its sessions ask of the destination becomes lines of the file soon after: a session may outlive a run. */
export function countingDriver(driver: AnyDriver, file: string, requests: HttpRequests): AnyDriver {
  return {
    ...driver,
    async open(config, context) {
      const counts = emptyCounts();
      let timer: NodeJS.Timeout | undefined;
      const write = (): void => {
        clearTimeout(timer);
        timer = undefined;
        const asked = Object.entries(counts).map(([verb, each]) => [verb, each.requests] as const);
        for (const each of Object.values(counts)) each.requests = 0;
        appendFileSync(file, `${JSON.stringify({ ...Object.fromEntries(asked), http: requests.take() })}\n`);
      };
      const session = metered(await driver.open(config, context), counts);
      const writeSoon = (): void => void (timer ??= setTimeout(write, SOON_MS));
      return wrapSession(session, {
        async around(work) {
          writeSoon();
          return await work();
        },
        async *aroundItems(items) {
          writeSoon();
          yield* items();
        },
        async dispose() {
          write();
          await session[Symbol.asyncDispose]();
        },
      });
    },
  };
}
