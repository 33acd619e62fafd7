import { appendFileSync } from 'node:fs';
import type { AnyDriver } from '../storage/drivers.ts';
import { emptyCounts, metered } from '../storage/layers.ts';

/** The same driver; when a session ends, what it asked of the destination becomes a line of the file. */
export function countingDriver(driver: AnyDriver, file: string): AnyDriver {
  return {
    ...driver,
    async open(config, context) {
      const counts = emptyCounts();
      const session = metered(await driver.open(config, context), counts);
      return {
        ...session,
        async [Symbol.asyncDispose]() {
          appendFileSync(file, `${JSON.stringify(Object.fromEntries(Object.entries(counts).map(([verb, { requests }]) => [verb, requests])))}\n`);
          await session[Symbol.asyncDispose]();
        },
      };
    },
  };
}
