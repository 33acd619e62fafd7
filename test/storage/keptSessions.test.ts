import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { KeptSessions } from '../../activities/keptSessions.ts';
import { localDir } from '../../storage/localDir.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { wrapSession } from '../../storage/wrapSession.ts';

let folder: string;
let sessions: KeptSessions;
let opened: number;
let closed: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-kept-'));
  sessions = new KeptSessions();
  [opened, closed] = [0, 0];
});
afterEach(async () => {
  vi.useRealTimers();
  await sessions[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A real session, which says whether it may be left to others, and whose beginning and end are counted. */
async function open(reusable: boolean): Promise<StorageSession> {
  opened += 1;
  const session = await localDir.open({ type: 'LocalDir', path: folder, allowRootFileSystem: true }, { name: 'vault', readSecret: async () => '' });
  const counted = wrapSession(session, { around: (work) => work(), aroundItems: async function* (items) { yield* items(); }, dispose: async () => { closed += 1; await session[Symbol.asyncDispose](); } });
  return { ...counted, reusable };
}
const lend = (place = 'vault', reusable = true): Promise<StorageSession> => sessions.lend(place, () => open(reusable));

async function put(session: StorageSession, key: string, length = 100): Promise<void> {
  const sample = sampleBody(length, key);
  await session.put(key, sample.body(), sample);
}

test('a session is left to whoever wants the same next, and to one at a time', async () => {
  for (const key of ['a', 'b']) {
    await using session = await lend();
    await put(session, key);
    expect(await Array.fromAsync(session.list(''))).toHaveLength(key === 'a' ? 1 : 2);
  }
  expect({ opened, closed }).toEqual({ opened: 1, closed: 0 });
  await using first = await lend();
  await using second = await lend();
  await Promise.all([put(first, 'c'), put(second, 'd')]);
  expect(opened).toBe(2);
  await using other = await lend('other');
  await put(other, 'e');
  expect(opened).toBe(3);
});

test('one that says nothing of it is closed by who opened it', async () => {
  for (let step = 0; step < 2; step++) {
    await using session = await lend('vault', false);
    await put(session, 'a');
  }
  expect({ opened, closed }).toEqual({ opened: 2, closed: 2 });
});

test('an object that is not there is no failure; any other, and what was stopped, ends the session', async () => {
  const step = async (work: (session: StorageSession) => Promise<unknown>): Promise<void> => {
    await using session = await lend();
    await work(session).catch(() => {});
  };
  await step((session) => Array.fromAsync(session.get('nothing')));
  expect(closed).toBe(0);
  await step(async (session) => await session.put('short', [Buffer.from('abc')], sampleBody(5, 'x')));
  expect(closed).toBe(1);
  await step(async (session) => await put(session, 'a', 5_000_000));
  await step(async (session) => await Array.fromAsync(session.get('a', undefined, AbortSignal.abort())));
  expect({ opened, closed }).toEqual({ opened: 2, closed: 2 });
});

test('what is still under way when a step ends ends with it, and nothing more goes through', async () => {
  const session = await lend();
  await put(session, 'a', 5_000_000);
  const reading = session.get('a')[Symbol.asyncIterator]();
  await reading.next();
  await session[Symbol.asyncDispose]();
  expect(closed).toBe(1);
  const left = await lend();
  await left[Symbol.asyncDispose]();
  await expect(put(left, 'late')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  await expect(Array.fromAsync(left.list(''))).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  await using again = await lend();
  expect(await again.stat('late')).toBeUndefined();
  expect(opened).toBe(2);
  await reading.return?.(undefined);
});

test('what nobody wants is closed after some seconds, when there are too many, and when the worker stops', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  await (await lend())[Symbol.asyncDispose]();
  await vi.advanceTimersByTimeAsync(4_000);
  expect(closed).toBe(0);
  await vi.advanceTimersByTimeAsync(2_000);
  vi.useRealTimers();
  await expect.poll(() => closed).toBe(1);
  for (let place = 0; place < 14; place++) await (await lend(`place ${place}`))[Symbol.asyncDispose]();
  await expect.poll(() => closed).toBe(3);
  const late = await lend('late');
  await sessions[Symbol.asyncDispose]();
  expect(closed).toBe(opened - 1);
  await late[Symbol.asyncDispose]();
  expect(closed).toBe(opened);
});
