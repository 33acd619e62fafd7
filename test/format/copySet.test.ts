import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { beginSet } from '../../backupset/beginSet.ts';
import { copySet, planCopy } from '../../backupset/copySet.ts';
import { createFramePool, type FramePool } from '../../backupset/framePool.ts';
import { listSets } from '../../backupset/listSets.ts';
import { verifySet } from '../../backupset/verifySet.ts';
import { copySetTo } from '../../client/copySetTo.ts';
import { locateSet } from '../../client/locateSet.ts';
import type { Config } from '../../config/config.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { openSample, rawKey, sampleContents, sealOverSample, sealSample } from './sampleSet.ts';

let pool: FramePool;
beforeAll(() => { pool = createFramePool({ threads: 1 }); });
afterAll(async () => { await pool[Symbol.asyncDispose](); });

type Sample = Awaited<ReturnType<typeof openSample>>;
const setA = { cluster: 'c1', task: 'nightly', setId: 'A' };

/** Key → bytes of everything below packs/ and index/. */
async function objectsIn({ folder }: Sample): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const top of ['packs', 'index']) {
    for (const each of await readdir(join(folder, top), { recursive: true, withFileTypes: true }).catch(() => [])) {
      if (each.isFile()) found.set(`${top}/${each.name}`, (await readFile(join(each.parentPath, each.name))).toString('hex'));
    }
  }
  return found;
}

const sets = async ({ repository }: Sample): Promise<string[]> => (await Array.fromAsync(listSets(repository))).map(({ setId, state }) => `${setId} ${state}`);

async function spoil({ folder }: Sample, key: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  const path = join(folder, key.replace(/\/(..)/, '/$1/$1'));
  await writeFile(path, change(await readFile(path)));
}
const flipped = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  copy[copy.length >> 1]! ^= 1;
  return copy;
};

test.each(['full', 'with an overlay'])('a set (%s) is the same in the other repository, and complete in itself', async (kind) => {
  await using from = await openSample();
  await using to = await openSample();
  const contents = sampleContents();
  if (kind === 'full') await sealSample(from.repository, pool, 'A', contents);
  else await sealOverSample(from.repository, pool, 'A', contents);
  const plan = await planCopy(from.repository, to.repository, pool, setA);
  expect(await sets(to)).toEqual([]);
  expect(await planCopy(from.repository, undefined, pool, setA)).toEqual(plan);
  const { copy, verified } = await copySet(from.repository, to.repository, pool, setA);
  expect(verified).toMatchObject({ ok: true, level: 'stored' });
  expect(copy).toEqual(plan);
  expect(copy.copiedObjects).toBe(copy.objects);
  const own = await objectsIn(to);
  expect(own.size).toBeGreaterThan(3);
  const all = await objectsIn(from);
  for (const [key, bytes] of own) expect(all.get(key)).toBe(bytes);
  expect(await verifySet(to.repository, pool, 'A', 'content')).toMatchObject({ ok: true, damage: [] });
  // Again: nothing is sent, nothing changes.
  expect((await copySet(from.repository, to.repository, pool, setA)).copy).toEqual({ ...copy, copiedObjects: 0, copiedBytes: 0 });
  expect(await objectsIn(to)).toEqual(own);
});

test('a set that is damaged where it comes from makes none there, and what was whole of it is not sent again', async () => {
  await using from = await openSample();
  await using to = await openSample();
  await sealSample(from.repository, pool, 'A', sampleContents());
  const pack = [...(await objectsIn(from)).keys()].filter((key) => key.startsWith('packs/')).at(-1)!;
  await spoil(from, pack, flipped);
  await expect(copySet(from.repository, to.repository, pool, setA)).rejects.toMatchObject({ code: 'E_CORRUPT', message: expect.stringContaining('where the set comes from'), hint: expect.stringContaining('set verify A') });
  expect(await sets(to)).toEqual([]);
  expect([...(await objectsIn(to)).keys()]).not.toContain(pack);
  expect(await readdir(join(to.folder, '.tmp'))).toEqual([]);
  await spoil(from, pack, flipped);
  const { copy, verified } = await copySet(from.repository, to.repository, pool, setA);
  expect(verified.ok).toBe(true);
  expect(copy.copiedObjects).toBeLessThan(copy.objects);
});

test('what is there with the right length and other bytes is replaced before the set is sealed', async () => {
  await using from = await openSample();
  await using to = await openSample();
  await sealSample(from.repository, pool, 'A', sampleContents());
  await copySet(from.repository, to.repository, pool, setA);
  await rm(join(to.folder, 'sets'), { recursive: true });
  for (const top of ['packs/', 'index/']) await spoil(to, [...(await objectsIn(to)).keys()].find((key) => key.startsWith(top))!, flipped);
  expect((await copySet(from.repository, to.repository, pool, setA)).copy.copiedObjects).toBe(3);
  expect(await verifySet(to.repository, pool, 'A', 'content')).toMatchObject({ ok: true });
});

test('bytes that change on the way, or at the destination, make no set', async () => {
  await using from = await openSample();
  await using to = await openSample();
  await sealSample(from.repository, pool, 'A', sampleContents());
  const lying: StorageSession = { ...bound(to.session), async *get(key, ...rest) {
    for await (const bytes of to.session.get(key, ...rest)) yield key.startsWith('packs/') ? flipped(Buffer.from(bytes)) : bytes;
  } };
  await expect(copySet(from.repository, { ...to.repository, session: lying }, pool, setA)).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('came back different') });
  expect(await sets(to)).toEqual([]);
});

test('a copy that is stopped makes no set, and goes on when it is started again', async () => {
  await using from = await openSample();
  await using to = await openSample();
  await sealSample(from.repository, pool, 'A', sampleContents());
  const stop = new AbortController();
  await expect(copySet(from.repository, to.repository, pool, setA, { signal: stop.signal, parallel: 1, onProgress: ({ objects }) => { if (objects === 2) stop.abort(); } })).rejects.toThrow();
  expect(await sets(to)).toEqual([]);
  const { copy, verified } = await copySet(from.repository, to.repository, pool, setA);
  expect(copy.copiedObjects).toBe(copy.objects - 2);
  expect(verified.ok).toBe(true);
});

test('where a copy would be no copy it is refused: keys, other chunks, the same repository, a set that is not there', async () => {
  await using from = await openSample();
  await using encrypted = await openSample(rawKey);
  await using coarse = await openSample();
  await sealSample(from.repository, pool, 'A', sampleContents());
  await sealSample(encrypted.repository, pool, 'A', sampleContents());
  for (const [source, target] of [[from, encrypted], [encrypted, from]] as const) await expect(copySet(source.repository, target.repository, pool, setA)).rejects.toMatchObject({ code: 'E_UNSUPPORTED', hint: expect.stringContaining('next run') });
  await expect(copySet(from.repository, from.repository, pool, setA)).rejects.toMatchObject({ code: 'E_USAGE' });
  await expect(copySet(from.repository, { ...coarse.repository, chunkBytes: 8192 }, pool, setA)).rejects.toMatchObject({ code: 'E_UNSUPPORTED', message: expect.stringContaining('4096 and 8192') });
  await expect(copySet(from.repository, coarse.repository, pool, { ...setA, setId: 'B' })).rejects.toMatchObject({ code: 'E_SET_NOT_FOUND' });
  expect(await sets(coarse)).toEqual([]);
});

test('a set that was only begun at the first destination is taken from the one that has it, also to bring it to the first', async () => {
  await using first = await openSample();
  await using second = await openSample();
  await sealSample(second.repository, pool, 'A', sampleContents());
  await beginSet(first.repository, { ...setA, runId: 'run-A', recoveryPoint: '2026-01-01T00:00:00Z', productVersion: '0.1.0' });
  const settingsOf = ({ folder }: Sample) => ({ type: 'LocalDir', path: folder, allowRootFileSystem: true });
  const config = async () => ({ folder: first.folder, destinations: Object.fromEntries(Object.entries({ first, second }).map(([name, each]) => [name, { name, type: 'LocalDir', settings: settingsOf(each), encryption: undefined }])) }) as unknown as Config;
  {
    await using located = await locateSet({ config }, 'A');
    expect(located.destination).toBe('second');
  }
  await expect(locateSet({ config, destination: 'first' }, 'A')).rejects.toMatchObject({ code: 'E_SET_NOT_FOUND', message: expect.stringContaining('first (begun and never sealed there)') });
  const copy = { config, setId: 'A', from: undefined, to: 'first', dryRun: false, signal: new AbortController().signal, onProgress: () => undefined };
  expect(await copySetTo(copy)).toMatchObject({ from: 'second', to: 'first', verified: { ok: true } });
  expect(await sets(first)).toEqual(['A verified']);
  // Again: it is there, and nothing is sent.
  expect(await copySetTo(copy)).toMatchObject({ from: 'second', copiedObjects: 0 });
});

test.each([true, false])('a copy into a destination with a key is refused before a repository is made there (dry run: %s)', async (dryRun) => {
  await using from = await openSample();
  await sealSample(from.repository, pool, 'A', sampleContents());
  const to = join(from.folder, 'new');
  const config = async () => ({ folder: from.folder, destinations: { locked: { name: 'locked', type: 'LocalDir', settings: { type: 'LocalDir', path: to, allowRootFileSystem: true }, encryption: { kind: 'passphrase', reference: { env: 'NONE' } } } } }) as unknown as Config;
  await expect(copySetTo({ config, setId: 'A', from: from.folder, to: 'locked', dryRun, signal: new AbortController().signal, onProgress: () => undefined })).rejects.toMatchObject({ code: 'E_UNSUPPORTED', hint: expect.stringContaining('next run') });
  expect(await readdir(from.folder)).not.toContain('new');
});

test('Ctrl-C ends a copy at once also while a server that says nothing is being asked in; where there is none, the hint says how a copy goes on', async () => {
  await using from = await openSample();
  await sealSample(from.repository, pool, 'A', sampleContents());
  const stop = new AbortController();
  const silent = createServer(() => stop.abort());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const away = { type: 'SFTP', host: '127.0.0.1', port: (silent.address() as AddressInfo).port, user: 'u', path: 'p', password: { file: join(from.folder, 'password') }, hostKey: [`SHA256:${'a'.repeat(43)}`], connections: 1, channels: 1, timeoutSeconds: 5 };
  await writeFile(away.password.file, 'p', { mode: 0o600 });
  const config = async () => ({ folder: from.folder, destinations: { away: { name: 'away', type: 'SFTP', settings: away, encryption: undefined } } }) as unknown as Config;
  const copy = { config, setId: 'A', from: from.folder, to: 'away', dryRun: false, signal: stop.signal, onProgress: () => undefined };
  const begun = performance.now();
  await expect(copySetTo(copy)).rejects.toThrow('aborted');
  expect(performance.now() - begun).toBeLessThan(4000);
  silent.close();
  await expect(copySetTo({ ...copy, signal: new AbortController().signal })).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', hint: expect.stringContaining('a copy goes on when it is started again') });
});

/** Without paths of files: what is read back comes through the session. */
function bound(session: StorageSession): StorageSession {
  return {
    put: (...args) => session.put(...args), get: (...args) => session.get(...args), stat: (...args) => session.stat(...args), list: (...args) => session.list(...args), remove: (...args) => session.remove(...args),
    space: (...args) => session.space(...args), unfinished: (...args) => session.unfinished(...args), sweep: (...args) => session.sweep(...args), [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
