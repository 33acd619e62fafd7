import { rm, truncate, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createFramePool } from '../../backupset/framePool.ts';
import { packKey } from '../../backupset/packKey.ts';
import { PackSet } from '../../backupset/packSet.ts';
import { readProofs, writeProof } from '../../backupset/proofs.ts';
import { verifySet } from '../../backupset/verifySet.ts';
import { emptyCounts, metered } from '../../storage/layers.ts';
import { ReadBackPacks } from '../../transfer/readBackPacks.ts';
import { noise, openSample, rawKey, sealSample } from './sampleSet.ts';

const pool = createFramePool({ threads: 2 });
afterAll(() => pool[Symbol.asyncDispose]());
const signal = new AbortController().signal;
const contents = new Map(Array.from({ length: 60 }, (_, i): [string, Uint8Array] => [`/f${String(i).padStart(2, '0')}`, noise(String(i), 3000)]));

/** A set, its packs, and a list of those that were read back. */
async function openRead() {
  const sample = await openSample(rawKey);
  const entries = await sealSample(sample.repository, pool, 'A', contents);
  const packs = [...new Map(entries.flatMap((each) => each.pieces ?? []).map(({ pack, packLength }) => [pack, packLength]))];
  expect(packs.length).toBeGreaterThan(8);
  const readBack = new PackSet();
  for (const [digest, length] of packs) readBack.add(digest, length);
  return { sample, packs, readBack, [Symbol.asyncDispose]: () => sample[Symbol.asyncDispose]() };
}

test('packs that the run read back are not read again; what has gone or changed its length since is found, and the proof says how many', async () => {
  await using scene = await openRead();
  const { sample: { repository, folder }, packs, readBack } = scene;
  const counts = emptyCounts();
  const counted = { ...repository, session: metered(repository.session, counts) };
  const whole = await verifySet(counted, pool, 'A', 'stored');
  const wholeGets = counts.get.requests;
  const result = await verifySet(counted, pool, 'A', 'stored', { readBack });
  expect(result).toMatchObject({ ok: true, readBackBefore: packs.length, checkedObjects: whole.checkedObjects });
  expect(counts.get.requests - wholeGets).toBeLessThanOrEqual(wholeGets - packs.length);
  expect(whole.readBackBefore).toBeUndefined();
  await writeProof(repository, result);
  expect((await readProofs(repository, { cluster: 'c1', task: 'nightly', setId: 'A' })).at(-1)).toMatchObject({ readBackBefore: packs.length });
  await rm(join(folder, packKey(packs[0]![0])));
  await truncate(join(folder, packKey(packs[1]![0])), packs[1]![1] - 1);
  const harmed = await verifySet(repository, pool, 'A', 'stored', { readBack });
  expect(harmed.damage.map(({ object, kind }) => [object, kind]).sort()).toEqual([[packKey(packs[0]![0]), 'missing'], [packKey(packs[1]![0]), 'length']].sort());
});

test('others are read, and so is everything where the content is verified', async () => {
  await using scene = await openRead();
  const { sample: { repository, folder }, packs } = scene;
  const [[mine, length], [other]] = packs as [[string, number], [string, number]];
  for (const digest of [mine, other]) {
    const bytes = await readFile(join(folder, packKey(digest)));
    bytes[100]! ^= 1;
    await writeFile(join(folder, packKey(digest)), bytes);
  }
  const readBack = new PackSet();
  readBack.add(mine, length);
  expect((await verifySet(repository, pool, 'A', 'stored', { readBack })).damage.map(({ object }) => object)).toEqual([packKey(other)]);
  expect((await verifySet(repository, pool, 'A', 'content', { readBack })).damage.map(({ object }) => object).sort()).toEqual([packKey(mine), packKey(other)].sort());
  // A pack of the same name and another length is another one.
  const longer = new PackSet();
  longer.add(mine, length + 1);
  expect((await verifySet(repository, pool, 'A', 'stored', { readBack: longer })).damage).toHaveLength(2);
});

test('what sources took down, a long list too and once more after a retry, is all found, of this run only', async () => {
  await using sample = await openSample(rawKey);
  const many = Array.from({ length: 20_000 }, (_, i) => ({ digest: Buffer.from(noise(`p${i}`, 32)).toString('hex'), length: i }));
  for (const [runKey, source, packs] of [['r1', 'hdfs', many], ['r1', 'hdfs', many], ['r1', 'a/b', many.slice(0, 3)], ['r2', 'hdfs', [{ digest: 'f'.repeat(64), length: 1 }]]] as const) {
    const taken = new ReadBackPacks(sample.repository, pool, runKey, source, 'i', signal);
    for (const pack of packs) await taken.add(pack);
    await taken.finish();
  }
  const found = await ReadBackPacks.read(sample.repository, pool, 'r1', signal);
  expect([...found.all()]).toHaveLength(many.length);
  expect(many.every(({ digest, length }) => found.has(digest, length))).toBe(true);
  expect(found.has('f'.repeat(64), 1)).toBe(false);
  expect([...(await ReadBackPacks.read(sample.repository, pool, 'r3', signal)).all()]).toEqual([]);
});
