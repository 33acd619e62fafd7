import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { countEntry, noEntries } from '../../backupset/entryCounts.ts';
import { createFramePool } from '../../backupset/framePool.ts';
import { gapLines } from '../../backupset/gapLines.ts';
import { readTable, rootOf, writeTwoFrames } from '../../backupset/indexFormat.ts';
import { putJson } from '../../backupset/jsonObject.ts';
import { indexKey, packKey } from '../../backupset/packKey.ts';
import type { IndexedEntry } from '../../backupset/piece.ts';
import { writeProof } from '../../backupset/proofs.ts';
import { openIndex } from '../../backupset/readIndex.ts';
import { authenticate, readManifest } from '../../backupset/readManifest.ts';
import { openRepositoryKeyless, type Repository } from '../../backupset/repository.ts';
import { verifySet } from '../../backupset/verifySet.ts';
import { vouchedBefore } from '../../backupset/vouchedBefore.ts';
import { writeIndex } from '../../backupset/writeIndex.ts';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { isBelow } from '../../contracts/isBelow.ts';
import { emptyCounts, metered } from '../../storage/layers.ts';
import { noise, openSample, packContents, rawKey, sealChanges } from './sampleSet.ts';

const pool = createFramePool({ threads: 2 });
afterAll(() => pool[Symbol.asyncDispose]());

/** The parent of every sequence: six shards of 129 to 1,462 entries, which end in the middle of folders. Its keys have what order and escaping can trip over. */
const keys = [...new Set(['/', ...Array.from({ length: 5 }, (_, d) => [`/d${d}`, `/d${d}/"q\\é\n`, ...Array.from({ length: 20 }, (_, s) => [`/d${d}/s${s}`, ...Array.from({ length: 40 }, (_, f) => `/d${d}/s${s}/a${f}`)])]).flat(3)])].sort(compareKeys);

/** Makes entries of all kinds; the content of files is one of a few that are packed. */
async function entryMaker(repository: Repository): Promise<(key: string, version: number) => IndexedEntry> {
  const packed = await packContents(repository, pool, new Map(Array.from({ length: 40 }, (_, i) => [`/${i}`, noise(`content ${i}`, 20 + i)])));
  return (key, version) => {
    const attributes = { version };
    const kind = (key.length * 7 + version) % 9;
    if (kind === 0) return { key, type: 'directory', length: 0, attributes };
    if (kind === 1) return { key, type: 'symlink', length: 0, attributes };
    if (kind === 2) return { key, type: 'file', length: 9, attributes, gap: 'denied' };
    const { length, pieces } = packed[(key.charCodeAt(key.length - 1) + version) % packed.length]!;
    return { key, type: 'file', length, attributes, pieces: pieces! };
  };
}

const sorted = (entries: Iterable<IndexedEntry>): IndexedEntry[] => [...entries].sort((a, b) => compareKeys(a.key, b.key));
const countsOf = (entries: Iterable<IndexedEntry>) => {
  const counts = noEntries();
  for (const entry of entries) countEntry(counts, entry);
  return counts;
};

/** Those in which a shard ends. */
const borderFolders = ['/d0/s2', '/d1/s13', '/d1/s17', '/d3/s12', '/d3/s5'];

/** What happens between two sets. Numbers choose keys, or shards, of those there are. */
const few = {
  puts: fc.array(fc.nat(), { maxLength: 12 }),
  fresh: fc.array(fc.tuple(fc.nat(), fc.constantFrom('', '!', '~', '/below', '/', '"', '0', '\u{10000}')), { maxLength: 4 }),
  removed: fc.array(fc.nat(), { maxLength: 6 }),
  borders: fc.array(fc.tuple(fc.nat(), fc.constantFrom('first' as const, 'last' as const), fc.constantFrom('put', 'after')), { maxLength: 2 }),
};
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ ...few, run: fc.constant(null), removedFolders: fc.array(fc.constantFrom(...borderFolders), { maxLength: 1 }), bad: fc.constant(null) }) },
  { weight: 1, arbitrary: fc.record({
    ...few,
    run: fc.option(fc.record({ from: fc.nat(), length: fc.integer({ min: 1, max: 300 }) })),
    borders: fc.array(fc.tuple(fc.nat(), fc.constantFrom('first' as const, 'last' as const), fc.constantFrom('put', 'remove', 'after')), { maxLength: 3 }),
    removedFolders: fc.array(fc.constantFrom(...borderFolders, '/d0', '/d1', '/d2/s4', '/d3', '/d4', '/d9', '/'), { maxLength: 2 }),
    bad: fc.option(fc.nat()),
  }) },
);

/** Thousands of entries: looked at one by one only where they differ. */
function expectSame(actual: readonly IndexedEntry[], expected: readonly IndexedEntry[]): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}

describe.each([['plain', undefined, 6], ['encrypted', rawKey, 3]] as const)('%s', (_, key, numRuns) => {
  test('any sequence of increments gives what a plain map of entries gives, and verifies', { timeout: 120_000 }, async () => {
    await using sample = await openSample(key);
    const { repository } = sample;
    const entryOf = await entryMaker(repository);
    let runs = 0;
    let overlays = 0;
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 4 }), async (steps) => {
      const run = `R${runs++}`;
      const state = new Map(keys.map((each) => [each, entryOf(each, 0)]));
      await sealChanges(repository, pool, `${run}-0`, { removed: [], puts: state.values() });
      await writeProof(repository, await verifySet(repository, pool, `${run}-0`, 'content'));
      for (const [number, each] of steps.entries()) {
        const parent = (await readManifest(repository, `${run}-${number}`)).sources[0]!.table;
        const before = await openIndex(repository, pool, parent);
        const shards = before.shards();
        if (number === 0) expect(shards).toHaveLength(6);
        const all = [...shards, ...before.overlay()];
        const there = sorted(state.values()).map((entry) => entry.key);
        const pick = (i: number): string => there[i % there.length] ?? '/first';
        const borders = each.borders.map(([i, end, what]): [string, string] => [what, (shards[i % shards.length]?.[end] ?? '/') + (what === 'after' ? '!' : '')]);
        const removed = [...new Set([...each.removed.map(pick), ...each.removedFolders, ...borders.flatMap(([what, name]) => (what === 'remove' ? [name] : []))])].sort(compareKeys);
        const stretch = each.run === null ? [] : Array.from({ length: each.run.length }, (_, i) => pick(each.run!.from + i));
        const names = new Set([...each.puts.map(pick), ...stretch, ...each.fresh.map(([i, end]) => pick(i) + end), ...borders.flatMap(([what, name]) => (what === 'remove' ? [] : [name]))]);
        const puts = sorted([...names].map((name) => entryOf(name, number + 1)));
        for (const name of state.keys()) if (removed.some((root) => isBelow(name, root))) state.delete(name);
        for (const entry of puts) state.set(entry.key, entry);
        const bad = new Set(each.bad === null || all.length === 0 ? [] : [indexKey(all[each.bad % all.length]!.digest)]);

        const written = await sealChanges(repository, pool, `${run}-${number + 1}`, { removed, puts, bad }, `${run}-${number}`);
        expect(written).toMatchObject(countsOf(state.values()));
        expect(await writeIndex(repository, pool, { parent, removed, puts })).toMatchObject(bad.size > 0 ? {} : { table: written.table, shardsNew: 0 });
        const index = await openIndex(repository, pool, written.table);
        const expected = sorted(state.values());
        const loaded = (await Promise.all(index.shards().map((_, position) => index.load(position)))).flat();
        expectSame(loaded, expected);
        expectSame(await Array.fromAsync(index.entries()), expected);
        for (const name of [...names, ...removed, pick(17), pick(1700), '/d1x', '/~~', ...shards.map((shard) => shard.last)]) expect(await index.find(name), name).toEqual(state.get(name));
        for (const below of [['/d2'], ['/d4/s7', pick(3)], ...[...names].slice(0, 5).map((name) => [name]), ...removed.slice(0, 2).map((name) => [name])]) {
          expectSame(await Array.fromAsync(index.entries({ below })), expected.filter((entry) => below.some((root) => isBelow(entry.key, root))));
        }
        for (const from of [pick(each.puts[0] ?? 5), expected.at(-1)?.key ?? '/']) expectSame(await Array.fromAsync(index.entries({ from })), expected.filter((entry) => compareKeys(entry.key, from) >= 0));
        for (const [position, shard] of index.shards().entries()) expect((await index.over(position)).length).toBeLessThanOrEqual(shard.entries / 16);
        overlays += index.overlay().length;

        const ref = { cluster: 'c1', task: 'nightly', setId: `${run}-${number + 1}` };
        for (const level of ['stored', 'content'] as const) expect(await verifySet(repository, pool, ref, level, { vouched: await vouchedBefore(repository, ref, level) }), level).toMatchObject({ damage: [], onTopOf: [`${run}-${number}`] });
        const whole = await verifySet(repository, pool, ref, 'content');
        expect(whole.damage).toEqual([]);
        await writeProof(repository, whole);
      }
      const keyless = await openRepositoryKeyless(sample.session);
      for (const level of ['presence', 'stored'] as const) expect((await verifySet(keyless, pool, `${run}-${steps.length}`, level)).damage, level).toEqual([]);
    }), { numRuns, seed: 20261125 });
    expect(overlays).toBeGreaterThan(numRuns);
  });
});

const plain = (key: string, version: number): IndexedEntry => ({ key, type: 'symlink', length: 0, attributes: { version } });
const name = (i: number): string => `/f${String(i).padStart(6, '0')}`;

test('changes all over an index cost an overlay shard or two, and one shard now and then is rewritten', async () => {
  await using sample = await openSample();
  const { repository, session } = sample;
  const count = 20_000;
  let { table, ...full } = await writeIndex(repository, pool, { removed: [], puts: Array.from({ length: count }, (_, i) => plain(name(i), 0)) });
  let written = 0;
  for (let round = 1; round <= 20; round++) {
    const puts = Array.from({ length: 100 }, (_, i) => plain(name(i * 200 + round * 7), round));
    const next = await writeIndex(repository, pool, { parent: table, removed: [], puts });
    table = next.table;
    written += next.shardsNew;
  }
  // Rewritten as they are touched it would be nearly all of them, 20 times.
  expect(full.shardsNew).toBeGreaterThan(12);
  expect(written).toBeLessThan(20 * 5);
  const counts = emptyCounts();
  const again = Array.from({ length: 100 }, (_, i) => plain(name(i * 200 + 140), 99));
  await writeIndex({ ...repository, session: metered(session, counts) }, pool, { parent: table, removed: [], puts: again });
  // What the overlay has already is not looked up in the base: the table, the overlay, shards that were rewritten in the meantime.
  expect(counts.get.requests).toBeLessThan(full.shardsNew);
});

test('a table with an overlay, and the overlay, have a format version of their own, so that an older reader refuses them; without one nothing has', async () => {
  await using sample = await openSample();
  const { repository } = sample;
  const full = await writeIndex(repository, pool, { removed: [], puts: Array.from({ length: 100 }, (_, i) => plain(name(i), 0)) });
  const increment = await writeIndex(repository, pool, { parent: full.table, removed: [], puts: [plain(name(5), 1)] });
  const versionsOf = async (digest: string): Promise<unknown> => {
    const bytes = await readFile(join(sample.folder, indexKey(digest)));
    const { formatVersion, kind } = JSON.parse(Buffer.from(await pool.decode(bytes.subarray(0, 48 + bytes.readUInt32LE(12)), undefined)).toString()) as { formatVersion: number; kind: string };
    return [formatVersion, kind];
  };
  const { shards, overlay } = await readTable(repository, pool, increment.table);
  expect(await versionsOf(full.table.digest)).toEqual([1, 'table']);
  expect(await versionsOf(shards[0]!.digest)).toEqual([1, 'shard']);
  expect(await versionsOf(increment.table.digest)).toEqual([2, 'table']);
  expect(await versionsOf(overlay[0]!.digest)).toEqual([2, 'overlay']);
});

test('an overlay that says something else of what it covers than the base has is damage', async () => {
  await using sample = await openSample();
  const { repository } = sample;
  const first = await sealChanges(repository, pool, 'A', { removed: [], puts: Array.from({ length: 100 }, (_, i) => plain(name(i), 0)) });
  const { shards, summaries } = await readTable(repository, pool, first.table);
  // A line that covers nothing where the base has an entry: the set then seems to have one more.
  const overlay = await writeTwoFrames(repository, pool, { formatVersion: 2, kind: 'overlay', packs: [] }, `{"k":"${name(7)}","t":"l","n":0,"a":{}}\n`, new Set());
  const { digest: _, length: _length, ...line } = summaries!.shards[0]!;
  const live = { ...noEntries(), entries: 1, symlinks: 1 };
  const over = { first: name(7), last: name(7), lines: 1, live, covered: noEntries() };
  const table = await writeTwoFrames(repository, pool, { formatVersion: 2, kind: 'table', shards: [[shards[0]!.digest, shards[0]!.length]], overlay: [[overlay.digest, overlay.length]] }, `${JSON.stringify(line)}\n${JSON.stringify(over)}\n`, new Set());
  await sealChanges(repository, pool, 'B', { removed: [], puts: [] }, 'A');
  const manifest = await readManifest(repository, 'B');
  const forged = { ...manifest, totals: { ...manifest.totals, entries: 101 }, sources: [{ ...manifest.sources[0]!, entries: 101, symlinks: 101, table: { digest: table.digest, length: table.length }, root: rootOf([shards[0]!.digest, overlay.digest]) }] };
  await sample.session.remove('sets/c1/nightly/B/manifest.json');
  await putJson(sample.session, 'sets/c1/nightly/B/manifest.json', { ...forged, authentication: authenticate(repository, forged) });
  expect((await verifySet(repository, pool, 'B', 'stored')).damage).toEqual([]);
  expect((await verifySet(repository, pool, 'B', 'content')).damage).toMatchObject([{ object: indexKey(overlay.digest), kind: 'count' }]);
  await writeProof(repository, await verifySet(repository, pool, 'A', 'content'));
  const ref = { cluster: 'c1', task: 'nightly', setId: 'B' };
  expect(await verifySet(repository, pool, ref, 'content', { vouched: await vouchedBefore(repository, ref, 'content') })).toMatchObject({ onTopOf: ['A'], damage: [{ object: indexKey(overlay.digest), kind: 'count' }] });
});

test('entries without content that only an overlay has are named', async () => {
  await using sample = await openSample();
  const { repository } = sample;
  const full = await writeIndex(repository, pool, { removed: [], puts: Array.from({ length: 3000 }, (_, i): IndexedEntry => ({ ...plain(name(i), 0), ...(i === 50 || i === 60 ? { gap: 'old' } : {}) })) });
  // One gap comes and one goes: the number is the same.
  const puts = [plain(name(50), 1), { ...plain(name(2500), 1), gap: 'new' }, { ...plain(name(2600), 1), gap: 'new too' }];
  const { table, gaps } = await writeIndex(repository, pool, { parent: full.table, removed: [name(60)], puts });
  expect((await readTable(repository, pool, table)).overlay).toHaveLength(1);
  expect(gaps).toBe(2);
  expect(await gapLines(repository, pool, table)).toEqual([`${name(2500)}: new`, `${name(2600)}: new too`]);
});

test.each(['stored', 'content'] as const)('new attributes of old files all over an index do not make their packs be read again: %s', async (level) => {
  await using sample = await openSample(rawKey);
  const { repository } = sample;
  const entries = await packContents(repository, pool, new Map(Array.from({ length: 3000 }, (_, i) => [name(i), noise(`${i}`, 200)])));
  await sealChanges(repository, pool, 'A', { removed: [], puts: entries });
  const all = await verifySet(repository, pool, 'A', level);
  await writeProof(repository, all);
  const fresh = await packContents(repository, pool, new Map([[name(1500), noise('new', 300)]]));
  const chmod = entries.filter((_, i) => i % 100 === 0).map((entry) => ({ ...entry, attributes: { permission: '600' } }));
  const { table } = await sealChanges(repository, pool, 'B', { removed: [], puts: sorted([...chmod.filter(({ key }) => key !== name(1500)), ...fresh]) }, 'A');
  expect((await readTable(repository, pool, table)).overlay).toHaveLength(1);
  const ref = { cluster: 'c1', task: 'nightly', setId: 'B' };
  const onTop = await verifySet(repository, pool, ref, level, { vouched: await vouchedBefore(repository, ref, level) });
  // The manifest, begun.json, the description, the table, the overlay, the new pack.
  expect(onTop).toMatchObject({ ok: true, onTopOf: ['A'], checkedObjects: 6 });
  expect(all.checkedObjects).toBeGreaterThan(30);
});

test('a damaged pack that only covered entries of the base use goes with the next run', async () => {
  await using sample = await openSample();
  const { repository, session } = sample;
  const entries = await packContents(repository, pool, new Map([...Array.from({ length: 200 }, (_, i): [string, Uint8Array] => [name(i), noise(`${i}`, 50)]), ['/large', noise('large', 15_000)]]));
  await sealChanges(repository, pool, 'A', { removed: [], puts: entries });
  const pack = packKey(entries.find(({ key }) => key === '/large')!.pieces!.at(-1)!.pack);
  await sealChanges(repository, pool, 'B', { removed: ['/large'], puts: [] }, 'A');
  expect((await readTable(repository, pool, (await readManifest(repository, 'B')).sources[0]!.table)).overlay).toHaveLength(1);
  await session.remove(pack);
  expect((await verifySet(repository, pool, 'B', 'stored')).damage).toMatchObject([{ object: pack, kind: 'missing', entries: [] }]);
  await sealChanges(repository, pool, 'C', { removed: [], puts: [], bad: new Set([pack]) }, 'B');
  expect((await verifySet(repository, pool, 'C', 'content')).damage).toEqual([]);
});

test('more changes in the stretch of one shard than are in memory at once, with and without an overlay there', async () => {
  await using sample = await openSample();
  const { repository } = sample;
  const before = [...Array.from({ length: 300 }, (_, i) => plain(`/a/${name(i)}`, 0)), ...Array.from({ length: 300 }, (_, i) => plain(`/c${name(i)}`, 0))].sort((a, b) => compareKeys(a.key, b.key));
  const full = await writeIndex(repository, pool, { removed: [], puts: before });
  const over = await writeIndex(repository, pool, { parent: full.table, removed: ['/a//f000007', '/c/f000200'], puts: [plain('/a//f000005', 1), plain('/b', 1), plain('/c/f000299x', 1)] });
  expect((await readTable(repository, pool, over.table)).overlay).toHaveLength(1);
  // Every change of what is below /b comes with a removal of its own; /a goes as a whole before that, but for what is put.
  const puts = [plain('/a//f000006', 2), ...Array.from({ length: 6000 }, (_, i) => plain(`/b${name(i)}`, 2)), plain('/c/f000001', 2)];
  const removed = ['/a', ...puts.slice(1).map((each) => each.key), '/c/f000290'];
  for (const [parent, was] of [[full.table, before], [over.table, await Array.fromAsync((await openIndex(repository, pool, over.table)).entries())]] as const) {
    const state = new Map(was.filter(({ key }) => !removed.some((root) => isBelow(key, root))).map((each) => [each.key, each]));
    for (const each of puts) state.set(each.key, each);
    const { table, entries } = await writeIndex(repository, pool, { parent, removed, puts });
    expect(entries).toBe(state.size);
    expectSame(await Array.fromAsync((await openIndex(repository, pool, table)).entries()), sorted(state.values()));
  }
});
