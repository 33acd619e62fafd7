import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Engine } from '../../client/engine.ts';
import { watchRun } from '../../client/watchRun.ts';
import { Failure } from '../../contracts/failure.ts';

/** An engine that is gone: each call to it is given up only after a while. */
const silentMs = 200;
const gone = { client: { workflow: { getHandle: () => ({}) } }, call: () => sleep(silentMs).then(() => { throw new Failure('E_ENGINE_UNREACHABLE', 'the engine does not answer'); }) } as unknown as Engine;

test('an engine that stays away is reported after the time it is given, not after so many slow calls', async () => {
  const begin = Date.now();
  await expect(watchRun(gone, 'backup/prod/nightly/x', () => undefined, new AbortController().signal, 1, 1000)).rejects.toMatchObject({ code: 'E_ENGINE_UNREACHABLE' });
  expect(Date.now() - begin).toBeGreaterThanOrEqual(1000);
  expect(Date.now() - begin).toBeLessThan(4000);
});
