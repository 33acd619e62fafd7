import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLab, type Lab } from '../../lab/lab.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { openCifs } from './cifsPlace.ts';
import { startFaultyProxy } from './faultyProxy.ts';
import { putAnd } from './putAnd.ts';
import { putOverResets } from './putOverResets.ts';
import { lengthsOf, putSample, readLength } from './sftpPlace.ts';
import { stopWaiting } from './stopWaiting.ts';
import { untilReached } from './untilReached.ts';

// What happens on the way to a real SMB server.
let folder: string;
let lab: Lab;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-cifs-line-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname });
  await lab.up(['cifs']);
}, 60_000);

afterAll(async () => {
  await lab?.down(['cifs']);
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const unreachable = { code: 'E_DESTINATION_UNREACHABLE' };

describe('a line', () => {
  const open = (port: number, changes: Record<string, unknown> = {}): Promise<StorageSession> => openCifs(lab, { port, path: 'line', timeoutSeconds: 10, ...changes });
  const proxied = () => startFaultyProxy(lab.place('cifs').ports['port']!);

  test('that is reset every 3 MiB lets everything through in the end, by repeating what failed', { timeout: 120_000 }, async () => {
    await using proxy = await proxied();
    await using session = await open(proxy.port, { path: 'reset', connections: 1 });
    proxy.resetAfter = 3 << 20;
    const failures = await putOverResets(session, async (work) => {
      proxy.resetAfter = undefined;
      return await untilReached(work);
    });
    expect(failures).toBeGreaterThanOrEqual(2);
  });

  describe.each(['signed', 'encrypted'] as const)('that is %s', (transport) => {
    test.each(['up', 'down'] as const)('and turns a bit on the way %s is noticed: nothing wrong is stored or read, and it is worth another try', { timeout: 60_000 }, async (way) => {
      await using proxy = await proxied();
      await using session = await open(proxy.port, { path: `flip-${transport}-${way}`, transport, connections: 1 });
      await putSample(session, way, 2_000_000);
      proxy.flip = { way, after: 700_000 };
      const outcome = await (way === 'up' ? putSample(session, 'more', 3_000_000) : readLength(session, way)).then(() => undefined, (error: unknown) => error);
      expect(outcome).toMatchObject(unreachable);
      expect(proxy.flip).toBeUndefined();
      expect(await untilReached(() => session.stat('more'))).toBeUndefined();
      await untilReached(() => putSample(session, 'more', 3_000_000));
      expect(await readLength(session, 'more')).toBe(3_000_000);
      expect(await readLength(session, way)).toBe(2_000_000);
    });

    test('and turns a bit of a request or an answer is never taken for lost rights, nor for a missing object', { timeout: 120_000 }, async () => {
      await using proxy = await proxied();
      await using session = await open(proxy.port, { path: `bits-${transport}`, transport, connections: 1 });
      await putSample(session, 'a', 50_000);
      for (const way of ['up', 'down'] as const) {
        for (const after of [20, 44, 70, 100, 140, 230]) {
          for (const ask of [() => readLength(session, 'a'), () => session.stat('a').then((found) => found?.length), () => putSample(session, 'b', 50_000).then(() => 50_000)]) {
            proxy.flip = { way, after };
            const outcome = await ask().then((length) => length, (error: unknown) => error);
            if (outcome !== 50_000) expect(outcome).toMatchObject(unreachable);
            proxy.flip = undefined;
            await untilReached(() => session.stat('a'));
          }
        }
      }
      expect(await lengthsOf(session)).toMatchObject({ a: 50_000 });
    });
  });

  test('on which nothing comes back any more is given up after a while', { timeout: 60_000 }, async () => {
    await using proxy = await proxied();
    await using session = await open(proxy.port, { timeoutSeconds: 3 });
    await putSample(session, 'before');
    const begin = performance.now();
    await expect(putAnd(session, 'stalled', 40_000_000, async () => { proxy.stalled = true; })).rejects.toMatchObject(unreachable);
    await expect(open(proxy.port, { timeoutSeconds: 3 })).rejects.toMatchObject(unreachable);
    expect(performance.now() - begin).toBeLessThan(30_000);
    proxy.stalled = false;
    await untilReached(() => putSample(session, 'stalled', 1000));
  });

  test('that is silent holds up nobody who stops waiting', { timeout: 60_000 }, async () => {
    await using proxy = await proxied();
    await using session = await open(proxy.port, { path: 'silent', timeoutSeconds: 20 });
    await putSample(session, 'before', 300_000);
    proxy.stalled = true;
    await stopWaiting(session, 10_000);
  });

  test('that is slow is no fault, however long it takes', { timeout: 60_000 }, async () => {
    await using proxy = await proxied();
    await using session = await open(proxy.port, { timeoutSeconds: 4, connections: 1 });
    await putSample(session, 'warm');
    proxy.bytesPerSecond = 2_500_000;
    const begin = performance.now();
    await putSample(session, 'slow', 15_000_000);
    expect(performance.now() - begin).toBeGreaterThan(4500);
    proxy.bytesPerSecond = undefined;
    expect(await readLength(session, 'slow')).toBe(15_000_000);
  });
});
