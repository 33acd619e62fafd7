import { readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DamageOfParents } from '../../activities/damageOfParents.ts';
import { createFramePool } from '../../backupset/framePool.ts';
import { packKey } from '../../backupset/packKey.ts';
import type { IndexedEntry } from '../../backupset/piece.ts';
import { knownDamage, writeProof } from '../../backupset/proofs.ts';
import type { Repository } from '../../backupset/repository.ts';
import { verifySet, type VerifyResult } from '../../backupset/verifySet.ts';
import { vouchedBefore } from '../../backupset/vouchedBefore.ts';
import { Failure } from '../../contracts/failure.ts';
import { noise, openSample, rawKey, sealSample } from './sampleSet.ts';

const pool = createFramePool({ threads: 2 });
afterAll(() => pool[Symbol.asyncDispose]());

const levels = ['presence', 'stored', 'content'] as const;
/** Enough for several shards. */
const before = new Map(Array.from({ length: 6000 }, (_, i): [string, Uint8Array] => [`/f${String(i).padStart(5, '0')}`, noise(`old${i}`, 120)]));
const changed = new Map<string, Uint8Array>([['/f03000', noise('new', 130)], ['/f03001', noise('large', 30_000)]]);
const ref = (setId: string) => ({ cluster: 'c1', task: 'nightly', setId });

/** As at the end of a run. */
async function verifyOnTop(repository: Repository, setId: string, level: (typeof levels)[number]): Promise<VerifyResult> {
  return await verifySet(repository, pool, ref(setId), level, { vouched: await vouchedBefore(repository, ref(setId), level) });
}

async function harm(folder: string, entry: IndexedEntry | undefined): Promise<string> {
  const object = packKey(entry!.pieces![0]!.pack);
  const path = join(folder, object);
  const bytes = await readFile(path);
  bytes[entry!.pieces![0]!.frameOffset + 60]! ^= 1;
  await writeFile(path, bytes);
  return object;
}

describe.each(levels)('verification of an increment, %s', (level) => {
  it('looks at what is new on top of a verified set, and names that set', async () => {
    await using sample = await openSample(rawKey);
    const { repository } = sample;
    await sealSample(repository, pool, 'A', before);
    await writeProof(repository, await verifySet(repository, pool, 'A', level));
    await sealSample(repository, pool, 'B', changed, 'A');
    const onTop = await verifyOnTop(repository, 'B', level);
    const whole = await verifySet(repository, pool, 'B', level);
    expect(onTop).toMatchObject({ ok: true, onTopOf: ['A'] });
    expect(whole).toMatchObject({ ok: true });
    expect(whole.onTopOf).toBeUndefined();
    expect(onTop.checkedObjects).toBeLessThan(whole.checkedObjects / 3);
    // A proof on top of a proof is one too.
    await writeProof(repository, onTop);
    await sealSample(repository, pool, 'C', new Map([['/f05000', noise('newer', 10)]]), 'B');
    expect(await verifyOnTop(repository, 'C', level)).toMatchObject({ ok: true, onTopOf: ['B'] });
  });

  it('looks at everything where the set before was not verified as deeply, is known to be damaged, or the set is full', async () => {
    await using sample = await openSample();
    const { repository } = sample;
    const entries = await sealSample(repository, pool, 'A', before);
    await sealSample(repository, pool, 'B', changed, 'A');
    expect((await verifyOnTop(repository, 'B', level)).onTopOf).toBeUndefined();
    if (level !== 'presence') {
      await writeProof(repository, await verifySet(repository, pool, 'A', 'presence'));
      expect((await verifyOnTop(repository, 'B', level)).onTopOf).toBeUndefined();
    }
    await writeProof(repository, await verifySet(repository, pool, 'A', level));
    expect((await verifyOnTop(repository, 'B', level)).onTopOf).toEqual(['A']);
    const bad = await harm(sample.folder, entries[100]);
    await writeProof(repository, await verifySet(repository, pool, 'A', 'content'));
    const all = await verifyOnTop(repository, 'B', level);
    expect(all.onTopOf).toBeUndefined();
    expect(all.ok).toBe(level === 'presence');
    if (level !== 'presence') expect(all.damage.map((each) => each.object)).toEqual([bad]);
    await sealSample(repository, pool, 'D', before);
    expect(await vouchedBefore(repository, ref('D'), level)).toEqual([]);
  });
});

describe.each(['stored', 'content'] as const)('damage, %s', (level) => {
  it('of what is new is found on top of a verified set; of what is old by a look at everything, and a proof on top clears nothing', async () => {
    await using sample = await openSample(rawKey);
    const { repository } = sample;
    const old = await sealSample(repository, pool, 'A', before);
    await writeProof(repository, await verifySet(repository, pool, 'A', level));
    const fresh = await sealSample(repository, pool, 'B', changed, 'A');
    const new1 = await harm(sample.folder, fresh.find((each) => each.key === '/f03001'));
    const found = await verifyOnTop(repository, 'B', level);
    expect(found.damage.map((each) => each.object)).toEqual([new1]);
    expect(found.damage[0]!.entries).toContain('hdfs@hacluster:/f03001');
    const old1 = await harm(sample.folder, old[100]);
    const whole = await verifySet(repository, pool, 'B', level);
    expect(whole.damage.map((each) => each.object).sort()).toEqual([new1, old1].sort());
    await writeProof(repository, whole);
    await writeProof(repository, { ...found, ok: true, damage: [] });
    expect([...(await knownDamage(repository, { cluster: 'c1', task: 'nightly', setId: 'B' }))].sort()).toEqual([new1, old1].sort());
  });
});

describe('proofs', () => {
  const damaged = { level: 'stored', ok: false, checkedObjects: 1, checkedBytes: 1, damage: [{ object: 'packs/aa/x', kind: 'digest', entries: [], total: 0 }] } as const;

  it('of sets that are good are not read to know what is damaged; one that found damage is, wherever it lies', async () => {
    await using sample = await openSample();
    const { repository } = sample;
    let reads: string[] = [];
    const get = repository.session.get.bind(repository.session);
    repository.session.get = (key, ...more) => (reads.push(key), get(key, ...more));
    for (let i = 0; i < 30; i++) await writeProof(repository, { ...damaged, setId: `S${i}`, ok: true, damage: [] }, ref(`S${i}`));
    expect((await knownDamage(repository, ref('S29'))).size).toBe(0);
    expect(reads).toHaveLength(1);
    await writeProof(repository, { ...damaged, setId: 'S3' }, ref('S3'));
    reads = [];
    expect([...(await knownDamage(repository, ref('S29')))]).toEqual(['packs/aa/x']);
    expect(reads).toHaveLength(2);
  });

  it('are looked at once for all steps of a run, again for the next run, and again after a look that failed', async () => {
    await using sample = await openSample();
    const { repository } = sample;
    const known = new DamageOfParents();
    await writeProof(repository, { ...damaged, setId: 'A' }, ref('A'));
    let looks = 0;
    let isAway = true;
    const list = repository.session.list.bind(repository.session);
    repository.session.list = (...args) => {
      looks += 1;
      if (isAway) throw new Failure('E_DESTINATION_UNREACHABLE', 'away');
      return list(...args);
    };
    await expect(known.of('run-1', repository, ref('A'))).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    isAway = false;
    for (const run of ['run-1', 'run-1', 'run-2']) expect([...(await known.of(run, repository, ref('A')))]).toEqual(['packs/aa/x']);
    expect(looks).toBe(3);
  });

  it('of older versions, whose names do not tell what they found, are read', async () => {
    await using sample = await openSample();
    const { repository } = sample;
    await writeProof(repository, { ...damaged, setId: 'A' }, ref('A'));
    const folder = join(sample.folder, 'sets', 'c1', 'nightly', 'A', 'proofs');
    for (const name of await readdir(folder)) await rename(join(folder, name), join(folder, name.replace('-damaged', '')));
    expect([...(await knownDamage(repository, ref('B')))]).toEqual(['packs/aa/x']);
  });
});
