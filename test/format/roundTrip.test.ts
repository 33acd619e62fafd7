import { randomBytes, scryptSync } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ContentCutter, cutting } from '../../backupset/cutContent.ts';
import { extractEntries } from '../../backupset/extractEntries.ts';
import { frameHeaderBytes } from '../../backupset/frame.ts';
import { createFramePool, type FramePool } from '../../backupset/framePool.ts';
import { latestSet } from '../../backupset/latestSet.ts';
import { listSets } from '../../backupset/listSets.ts';
import { indexKey } from '../../backupset/packKey.ts';
import type { IndexedEntry } from '../../backupset/piece.ts';
import { knownDamage, writeProof } from '../../backupset/proofs.ts';
import { createContentReader, readContent } from '../../backupset/readContent.ts';
import { openIndex } from '../../backupset/readIndex.ts';
import { createRepository, openRepository, rotateKey } from '../../backupset/repository.ts';
import { verifySet } from '../../backupset/verifySet.ts';
import { writeIndex } from '../../backupset/writeIndex.ts';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { isBelow } from '../../contracts/isBelow.ts';
import { emptyCounts, metered } from '../../storage/layers.ts';
import { noise, openSample, packContents, rawKey, sampleContents, sealSample } from './sampleSet.ts';

let pool: FramePool;
beforeAll(() => { pool = createFramePool({ threads: 2 }); });
afterAll(async () => { await pool[Symbol.asyncDispose](); });

describe('frames', () => {
  test('come back, plain and encrypted, and are the same every time', async () => {
    await using sample = await openSample(rawKey);
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), fc.boolean(), async (bytes, repeat) => {
      const raw = repeat ? new Uint8Array(Buffer.concat(Array.from({ length: 20 }, () => bytes))) : bytes;
      const keys = [undefined, sample.repository.keys, undefined];
      const first = await pool.encode(new Uint8Array(raw), keys);
      const second = await pool.encode(new Uint8Array(raw), keys);
      expect(first.frames[0]).toBe(first.frames[2]);
      for (const i of [0, 1]) {
        expect(Buffer.compare(first.frames[i]!, second.frames[i]!)).toBe(0);
        expect(Buffer.compare(await pool.decode(first.frames[i]!, keys[i]), raw)).toBe(0);
      }
    }), { numRuns: 60 });
  });

  test('hostile bytes are refused with a code', async () => {
    const { frames: [frame] } = await pool.encode(new Uint8Array(1000), [undefined]);
    for (let at = 0; at < frameHeaderBytes; at++) {
      const copy = new Uint8Array(frame!);
      copy[at]! ^= 0xff;
      await expect(pool.decode(copy, undefined), `byte ${at}`).rejects.toMatchObject({ code: expect.stringMatching(/E_CORRUPT|E_FORMAT|E_KEY/) });
    }
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await expect(pool.decode(bytes, undefined)).rejects.toMatchObject({ code: 'E_CORRUPT' });
    }), { numRuns: 50 });
  });
});

describe.each([['plain', undefined], ['encrypted', rawKey]] as const)('%s content', (_, key) => {
  test('comes back whole, in ranges and extracted', async () => {
    await using sample = await openSample(key);
    const { repository } = sample;
    const contents = sampleContents();
    const entries = await sealSample(repository, pool, 'A', contents);
    const reader = createContentReader(repository, pool, { cacheBytes: 1 << 20 });
    for (const entry of entries) {
      const expected = contents.get(entry.key) ?? new Uint8Array(0);
      expect(Buffer.compare(Buffer.concat(await Array.fromAsync(readContent(repository, pool, entry.pieces ?? []))), expected)).toBe(0);
      expect(Buffer.compare(Buffer.concat(await Array.fromAsync(reader.read(entry.pieces ?? []))), expected)).toBe(0);
    }
    const large = entries.find((each) => each.key === '/data/large')!;
    await fc.assert(fc.asyncProperty(fc.nat(49_999), fc.nat(49_999), async (a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const got = Buffer.concat(await Array.fromAsync(readContent(repository, pool, large.pieces!, { offset: from, length: to - from })));
      expect(Buffer.compare(got, contents.get('/data/large')!.subarray(from, to))).toBe(0);
    }), { numRuns: 20 });
    const out = await mkdtemp(join(tmpdir(), 'out-'));
    const result = await extractEntries(repository, pool, { setId: 'A', source: 'hdfs', instance: 'hacluster', paths: [], to: out });
    expect(result).toMatchObject({ failedTotal: 0, files: contents.size - 1 });
    for (const [path, bytes] of contents) if (bytes !== undefined) expect(Buffer.compare(await readFile(join(out, path)), bytes)).toBe(0);
    expect((await stat(join(out, '/data/large'))).mode & 0o777).toBe(0o640);
    await rm(out, { recursive: true });
  });

  test('small neighbours cost few requests', async () => {
    await using sample = await openSample(key);
    const entries = await packContents(sample.repository, pool, new Map(Array.from({ length: 200 }, (_, i) => [`/s${String(i).padStart(3, '0')}`, noise(`${i}`, 40)])));
    let requests = 0;
    const counting = { ...sample.repository, session: new Proxy(sample.session, { get(target, name) {
      if (name === 'get') requests += 1;
      const value = Reflect.get(target, name) as unknown;
      return typeof value === 'function' ? value.bind(target) as unknown : value;
    } }) };
    const reader = createContentReader(counting, pool, { cacheBytes: 1 << 20 });
    for (const entry of entries) await Array.fromAsync(reader.read(entry.pieces!));
    expect(requests).toBeLessThanOrEqual(3);
  });

  test('the same input makes the same objects', async () => {
    await using sample = await openSample(key);
    await packContents(sample.repository, pool, sampleContents());
    const before = await Array.fromAsync(sample.session.list('packs/'));
    await packContents(sample.repository, pool, sampleContents());
    expect(await Array.fromAsync(sample.session.list('packs/'))).toEqual(before);
  });

  test('lists, proofs and damage', async () => {
    await using sample = await openSample(key);
    const { repository } = sample;
    await sealSample(repository, pool, 'A', sampleContents());
    expect((await Array.fromAsync(listSets(repository))).map((each) => each.state)).toEqual(['sealed']);
    await writeProof(repository, { setId: 'A', level: 'stored', ok: false, checkedObjects: 1, checkedBytes: 1, damage: [{ object: 'packs/aa/x', kind: 'digest', entries: [], total: 0 }] });
    expect([...(await knownDamage(repository, { cluster: 'c1', task: 'nightly', setId: 'A' }))]).toEqual(['packs/aa/x']);
    expect((await Array.fromAsync(listSets(repository))).map((each) => each.state)).toEqual(['damaged']);
    await new Promise((resolve) => setTimeout(resolve, 3));
    await writeProof(repository, await verifySet(repository, pool, 'A', 'content'));
    expect((await knownDamage(repository, { cluster: 'c1', task: 'nightly', setId: 'A' })).size).toBe(0);
    expect(await Array.fromAsync(listSets(repository))).toMatchObject([{ state: 'verified', verified: 'content' }]);
    expect((await latestSet(repository, 'c1', 'nightly', 'hdfs', 'hacluster'))?.setId).toBe('A');
    expect(await latestSet(repository, 'c1', 'nightly', 'hdfs', 'other')).toBeUndefined();
  });
});

describe('encryption', () => {
  test('nothing is readable inside', async () => {
    await using sample = await openSample(rawKey);
    await sealSample(sample.repository, pool, 'A', sampleContents());
    for (const name of await readdir(sample.folder, { recursive: true, withFileTypes: true })) {
      if (!name.isFile()) continue;
      const text = (await readFile(join(name.parentPath, name.name))).toString('latin1');
      for (const secret of ['readable-secret', 'secret-owner', 'small-0', '3.5.0']) expect(text.includes(secret), `${name.name} holds ${secret}`).toBe(false);
    }
  });

  test('keys: missing, wrong, needless, another repository, rotated', async () => {
    await using sample = await openSample(rawKey);
    await using plain = await openSample();
    const entries = await sealSample(sample.repository, pool, 'A', sampleContents());
    await expect(openRepository(sample.session)).rejects.toMatchObject({ code: 'E_KEY' });
    await expect(openRepository(sample.session, { kind: 'raw', secret: Buffer.alloc(32, 8) })).rejects.toMatchObject({ code: 'E_KEY' });
    await expect(openRepository(plain.session, rawKey)).rejects.toMatchObject({ code: 'E_KEY' });
    await expect(openRepository(plain.session, undefined, sample.repository.id)).rejects.toMatchObject({ code: 'E_FORMAT' });
    expect((await createRepository(sample.session, { key: rawKey })).id).toBe(sample.repository.id);
    const next = { kind: 'passphrase', secret: 'correct horse' } as const;
    await rotateKey(sample.session, rawKey, next);
    await expect(openRepository(sample.session, rawKey)).rejects.toMatchObject({ code: 'E_KEY' });
    const opened = await openRepository(sample.session, next);
    expect((await verifySet(opened, pool, 'A', 'content')).ok).toBe(true);
    expect((await packContents(opened, pool, sampleContents()))).toEqual(entries);
    // A run opens its repository at every step: the passphrase is worked on once.
    const begin = process.cpuUsage();
    scryptSync('correct horse', randomBytes(16), 32, { N: 1 << 15, r: 8, p: 1, maxmem: 64 << 20 });
    const once = process.cpuUsage(begin).user;
    const before = process.cpuUsage();
    for (let i = 0; i < 20; i++) await openRepository(sample.session, next);
    expect(process.cpuUsage(before).user).toBeLessThan(10 * once);
  });
});

describe('index', () => {
  const entryOf = (key: string, version: number): IndexedEntry => ({ key, type: 'file', length: 10, attributes: { version }, pieces: [{ offset: 0, length: 10, digest: noiseDigest(version), pack: noiseDigest(version % 3), packLength: 1000, frameOffset: 0, storedLength: 100, skip: 0 }] });

  test('an increment gives the entries of writing all anew, and where it rewrites every shard with changes, the same bytes', { timeout: 60_000 }, async () => {
    await using sample = await openSample();
    const keys = Array.from({ length: 9000 }, (_, i) => `/d${Math.floor(i / 1000)}/f${i % 1000}`).concat(Array.from({ length: 10 }, (_, i) => `/d${i}`)).sort(compareKeys);
    await fc.assert(fc.asyncProperty(fc.array(fc.nat(8999), { maxLength: 8 }), fc.array(fc.nat(8999), { maxLength: 5 }), fc.array(fc.nat(9), { maxLength: 2 }), fc.array(fc.string({ minLength: 1, maxLength: 5 }).filter((name) => !name.includes('/') && !/\0/.test(name)), { maxLength: 3 }), async (changed, gone, goneFolders, fresh) => {
      const state = new Map(keys.map((key) => [key, entryOf(key, 1)]));
      const first = await writeIndex(sample.repository, pool, { removed: [], puts: state.values() });
      const removed = [...new Set([...gone.map((i) => keys[i]!), ...goneFolders.map((i) => `/d${i}`)])].sort(compareKeys);
      for (const key of state.keys()) if (removed.some((each) => isBelow(key, each))) state.delete(key);
      const puts = new Map([...changed.map((i) => keys[i]!), ...fresh.map((name) => `/d5/${name}`), ...fresh.map((name) => `/~${name}`)].map((key) => [key, entryOf(key, 2)]));
      for (const [key, entry] of puts) state.set(key, entry);
      const sorted = (entries: Iterable<IndexedEntry>): IndexedEntry[] => [...entries].sort((a, b) => compareKeys(a.key, b.key));
      const merged = await writeIndex(sample.repository, pool, { parent: first.table, removed, puts: sorted(puts.values()) });
      const whole = await writeIndex(sample.repository, pool, { removed: [], puts: sorted(state.values()) });
      const { table: _table, root: _root, shardsNew: _new, shardsReused: _reused, ...counts } = whole;
      expect(merged).toMatchObject(counts);
      const [index, anew] = [await openIndex(sample.repository, pool, merged.table), await openIndex(sample.repository, pool, whole.table)];
      expect(isDeepStrictEqual(await Array.fromAsync(index.entries()), await Array.fromAsync(anew.entries()))).toBe(true);
      // Without anything laid over it, an index is canonical.
      if (index.overlay().length === 0) expect(merged).toMatchObject({ table: whole.table, root: whole.root });
      const folded = await writeIndex(sample.repository, pool, { parent: merged.table, removed: [], puts: [], bad: new Set(index.shards().map((each) => indexKey(each.digest))) });
      expect(folded).toMatchObject({ table: whole.table, root: whole.root });
    }), { numRuns: 15 });
  });

  test('one change costs one small shard; find and below read what they need', async () => {
    await using sample = await openSample();
    const entries = Array.from({ length: 20_000 }, (_, i) => entryOf(`/f${String(i).padStart(6, '0')}`, 1));
    const first = await writeIndex(sample.repository, pool, { removed: [], puts: entries });
    const second = await writeIndex(sample.repository, pool, { parent: first.table, removed: [], puts: [entryOf('/f010000', 2)] });
    expect(second.shardsNew).toBe(1);
    expect(second.shardsReused).toBe(first.shardsNew);
    const gets = emptyCounts();
    const index = await openIndex({ ...sample.repository, session: metered(sample.session, gets) }, pool, second.table);
    expect(index.overlay()).toMatchObject([{ first: '/f010000', last: '/f010000', lines: 1 }]);
    expect(index.overlay()[0]!.length).toBeLessThan(1000);
    expect((await index.find('/f010000'))?.attributes).toEqual({ version: 2 });
    expect(await index.find('/f010000x')).toBeUndefined();
    expect((await Array.fromAsync(index.entries({ below: ['/f019999'] }))).map((each) => each.key)).toEqual(['/f019999']);
    expect(await Array.fromAsync(index.entries({ from: '/f019990' }))).toHaveLength(10);
    // The table, the overlay, the shard in the middle, the last one.
    expect(gets.get.requests).toBeLessThanOrEqual(4);
  });

  test('an empty index is an index', async () => {
    await using sample = await openSample();
    const { table, entries } = await writeIndex(sample.repository, pool, { removed: [], puts: [] });
    expect(entries).toBe(0);
    expect(await Array.fromAsync((await openIndex(sample.repository, pool, table)).entries())).toEqual([]);
  });
});

test('content is cut the same way wherever it is handed over, and an insertion moves little', () => {
  const bytes = noise('cut', 12 << 20);
  const cut = (input: Uint8Array, step: number): string[] => {
    const cutter = new ContentCutter(cutting.maxBytes);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < input.length; at += step) chunks.push(...cutter.push(input.subarray(at, at + step)));
    chunks.push(...cutter.finish());
    expect(Buffer.compare(Buffer.concat(chunks), input)).toBe(0);
    for (const chunk of chunks.slice(0, -1)) expect(chunk.length).toBeGreaterThanOrEqual(cutting.minBytes);
    for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(cutting.maxBytes);
    return chunks.map((each) => `${each.length}:${Buffer.from(each.subarray(0, 16)).toString('hex')}`);
  };
  const whole = cut(bytes, bytes.length);
  expect(cut(bytes, 65_521)).toEqual(whole);
  const moved = cut(Buffer.concat([bytes.subarray(0, 5 << 20), Buffer.from('inserted'), bytes.subarray(5 << 20)]), 1 << 20);
  expect(moved.filter((each) => !whole.includes(each)).length).toBeLessThanOrEqual(3);
});

function noiseDigest(seed: number): string {
  return Buffer.from(noise(`${seed}`, 32)).toString('hex');
}
