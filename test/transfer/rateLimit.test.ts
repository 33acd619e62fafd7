import { expect, test } from 'vitest';
import { createRateLimits } from '../../transfer/rateLimit.ts';

const never = new AbortController().signal;

/** Milliseconds that it takes everybody to take their bytes, a tenth at a time. */
async function timeOf(takers: readonly ((bytes: number) => Promise<void>)[], bytes: number): Promise<number> {
  const began = performance.now();
  await Promise.all(takers.map(async (take) => {
    for (let i = 0; i < 10; i++) await take(bytes / 10);
  }));
  return performance.now() - began;
}

test('all shards and sources of a run share its limit, and other runs have their own', async () => {
  const rates = createRateLimits();
  const shards = [1, 2, 3].map(() => rates.of('run-a', 1_000_000, never));
  const other = rates.of('run-b', 1_000_000, never);
  const [together, alone] = await Promise.all([timeOf(shards, 100_000), timeOf([other], 100_000)]);
  expect(together).toBeGreaterThanOrEqual(290);
  expect(alone).toBeLessThan(together);
});

test('a new limit counts at once, whatever was reserved under the old one', async () => {
  const rates = createRateLimits();
  const slow = new AbortController();
  const waiting = expect(rates.of('run', 1000, slow.signal)(1_000_000)).rejects.toThrow();
  expect(await timeOf([rates.of('run', 10_000_000, never)], 100_000)).toBeLessThan(1000);
  slow.abort();
  await waiting;
  expect(await timeOf([rates.of('run', null, never)], 1e12)).toBeLessThan(1000);
});
