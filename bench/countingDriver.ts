import { appendFileSync } from 'node:fs';
import type { AnyDriver } from '../storage/drivers.ts';
import { emptyCounts, metered } from '../storage/layers.ts';
import type { HttpRequests } from './httpRequests.ts';

/** The same driver; when a session ends, what it asked of the destination becomes a line of the file. */
export function countingDriver(driver: AnyDriver, file: string, requests: HttpRequests): AnyDriver {
  return {
    ...driver,
    async open(config, context) {
      const counts = emptyCounts();
      const session = metered(await driver.open(config, context), counts);
      return {
        ...session,
        async [Symbol.asyncDispose]() {
          appendFileSync(file, `${JSON.stringify({ ...Object.fromEntries(Object.entries(counts).map(([verb, each]) => [verb, each.requests])), http: requests.take() })}\n`);
          await session[Symbol.asyncDispose]();
        },
      };
    },
  };
}
