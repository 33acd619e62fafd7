import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KeptSessions } from '../../activities/keptSessions.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { sftpFiles, sftpFingerprint } from '../../lab/sftpKeys.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { startFaultyProxy } from './faultyProxy.ts';
import { putAnd } from './putAnd.ts';
import { lengthsOf, openSftp, putSample, readLength } from './sftpPlace.ts';

const LARGE = 6_000_000;
const LINE_BYTES = 32 << 20;
let folder: string;
let lab: Lab;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-sftp-connections-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname });
  await lab.up(['sftp', 'sftp-plain']);
}, 60_000);

afterAll(async () => {
  await lab?.down(['sftp', 'sftp-plain']);
  await rm(folder, { recursive: true, force: true });
}, 60_000);

async function open(port: number, changes: Record<string, unknown>, server: 'sftp' | 'sftp-plain' = 'sftp'): Promise<StorageSession> {
  return await openSftp(lab, server, { port, knownHosts: undefined, hostKey: await sftpFingerprint(lab.place(server)), ...changes });
}

/** Three large objects, of which each is half sent before any goes on. */
async function threeAtOnce(session: StorageSession): Promise<void> {
  let begun = 0;
  const all = Promise.withResolvers<void>();
  await Promise.all(['a', 'b', 'c'].map((key) => putAnd(session, key, LARGE, async () => {
    if (++begun === 3) all.resolve();
    await all.promise;
  })));
}

test.each([['sftp', ''], ['sftp-plain', '/']] as const)('large transfers at once go over several connections, as many as are configured; what is small, or alone, shares one (%s)', async (server, at) => {
  await using proxy = await startFaultyProxy(lab.place(server).ports['port']!);
  await using session = await open(proxy.port, { path: `${at}several` }, server);
  await Promise.all(Array.from({ length: 20 }, (_, index) => putSample(session, `small/${index}`, 10_000)));
  for (const key of ['x', 'y']) await putSample(session, key, LARGE);
  expect(proxy.connections).toBe(1);
  await threeAtOnce(session);
  expect(proxy.connections).toBe(2);
  await Promise.all(['a', 'b', 'c'].map(async (key) => expect(await readLength(session, key)).toBe(LARGE)));
  expect(proxy.connections).toBe(2);
  await using single = await open(proxy.port, { path: `${at}single`, connections: 1 }, server);
  await threeAtOnce(single);
  expect(proxy.connections).toBe(3);
});

test('steps of a run that follow one another share a connection; after a failure the next one makes its own', async () => {
  await using proxy = await startFaultyProxy(lab.place('sftp').ports['port']!);
  await using sessions = new KeptSessions();
  const step = async (key: string): Promise<void> => {
    await using session = await sessions.lend('vault', () => open(proxy.port, { path: 'steps' }));
    await putSample(session, key);
    expect((await session.stat(key))?.length).toBeGreaterThan(0);
  };
  for (const key of ['a', 'b', 'c']) await step(key);
  expect(proxy.connections).toBe(1);
  proxy.resetAfter = 1;
  await expect(step('d')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  proxy.resetAfter = undefined;
  await step('e');
  expect(proxy.connections).toBeGreaterThan(1);
});

test('where the server lets nobody in a second time, large transfers share the connection there is', async () => {
  await using proxy = await startFaultyProxy(lab.place('sftp').ports['port']!);
  await using session = await open(proxy.port, { path: 'once' });
  await putSample(session, 'first');
  const { authorizedKeys } = sftpFiles(lab.place('sftp'));
  await rename(authorizedKeys, `${authorizedKeys}.away`);
  try {
    await threeAtOnce(session);
    await threeAtOnce(session);
  } finally {
    await rename(`${authorizedKeys}.away`, authorizedKeys);
  }
  expect(proxy.connections).toBe(2);
  expect(await lengthsOf(session)).toEqual({ first: 10, a: LARGE, b: LARGE, c: LARGE });
});

test('of several connections that are lost, each fails only what was under way on it, and the next requests find the server again', async () => {
  await using proxy = await startFaultyProxy(lab.place('sftp').ports['port']!);
  await using session = await open(proxy.port, { path: 'lost' });
  proxy.resetAfter = 8_000_000;
  const failed = { code: 'E_DESTINATION_UNREACHABLE' };
  const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd'].map((key) => putSample(session, key, LARGE)));
  expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(2);
  for (const each of outcomes) if (each.status === 'rejected') expect(each.reason).toMatchObject(failed);
  proxy.resetAfter = undefined;
  await threeAtOnce(session);
  expect(await readLength(session, 'c')).toBe(LARGE);
});

test('over a long line an operation costs few round trips, and each of a large object brings much', { timeout: 60_000 }, async () => {
  await using proxy = await startFaultyProxy(lab.place('sftp').ports['port']!);
  proxy.delayMs = 40;
  await using session = await open(proxy.port, { path: 'far' });
  const folders = Array.from({ length: 24 }, (_, index) => `folder-${index}/object`);
  for (const [key, length] of [['small', 10], ['large', LINE_BYTES]] as const) await putSample(session, key, length);
  await Promise.all(folders.map((key) => putSample(session, key)));
  const quickest = async (times: number, work: () => Promise<unknown>): Promise<number> => {
    const took: number[] = [];
    for (let i = 0; i < times; i++) {
      const begin = performance.now();
      await work();
      took.push(performance.now() - begin);
    }
    return Math.min(...took);
  };
  const roundTrip = await quickest(3, () => session.stat('small'));
  expect(await quickest(3, () => session.stat('absent')) / roundTrip).toBeLessThan(1.6);
  expect(await quickest(3, () => readLength(session, 'small')) / roundTrip).toBeLessThan(2.6);
  expect(await quickest(3, () => putSample(session, 'small')) / roundTrip).toBeLessThan(4.6);
  expect(await quickest(2, () => lengthsOf(session)) / roundTrip).toBeLessThan(12);
  // So long that what the processor needs for it does not count.
  proxy.delayMs = 100;
  const far = await quickest(2, () => session.stat('small'));
  const large = await quickest(2, async () => expect(await readLength(session, 'large')).toBe(LINE_BYTES));
  expect(LINE_BYTES / (large / far)).toBeGreaterThan(2.2 * (1 << 20));
});

test('what was made for sending and for taking in is given back at once, not left to the garbage collector', async () => {
  await using session = await openSftp(lab, 'sftp', { path: 'memory' });
  const sample = sampleBody(32 << 20, 'memory');
  const { transfer } = ArrayBuffer.prototype;
  let given = 0;
  ArrayBuffer.prototype.transfer = function (this: ArrayBuffer, length?: number) {
    given += this.byteLength;
    return transfer.call(this, length);
  };
  try {
    await session.put('large', sample.body(), sample);
    // Nearly twice what was sent: the request, and the packets it goes in, but for small ones.
    expect(given).toBeGreaterThan(56 << 20);
    given = 0;
    expect(await readLength(session, 'large')).toBe(32 << 20);
    expect(given).toBeGreaterThan(28 << 20);
  } finally {
    ArrayBuffer.prototype.transfer = transfer;
  }
});
