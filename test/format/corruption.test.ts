import { readFile, rm, writeFile } from 'node:fs/promises';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { extractEntries } from '../../backupset/extractEntries.ts';
import { createFramePool, type FramePool } from '../../backupset/framePool.ts';
import { openRepository, openRepositoryKeyless } from '../../backupset/repository.ts';
import { verifySet } from '../../backupset/verifySet.ts';
import { openSample, rawKey, sampleContents, sealOverSample, sealSample } from './sampleSet.ts';

let pool: FramePool;
beforeAll(() => { pool = createFramePool({ threads: 1 }); });
afterAll(async () => { await pool[Symbol.asyncDispose](); });

const faults: Record<string, (bytes: Buffer, other: Buffer) => Buffer | undefined> = {
  'flip first': (bytes) => flip(bytes, 0), 'flip middle': (bytes) => flip(bytes, bytes.length >> 1), 'flip last': (bytes) => flip(bytes, bytes.length - 1),
  'truncate 1': (bytes) => bytes.subarray(0, -1), append: (bytes) => Buffer.concat([bytes, Buffer.from('x')]), empty: () => Buffer.alloc(0), remove: () => undefined,
  'bytes swapped': swapped, 'append itself': (bytes) => Buffer.concat([bytes, bytes]), 'first byte lost': (bytes) => bytes.subarray(1), zeros: (bytes) => Buffer.alloc(bytes.length),
  'replaced by another valid one': (_, other) => other,
};

/** Two neighbours that differ change places: length and the sum of all bytes stay. */
function swapped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = copy.findIndex((byte, i) => i >= bytes.length >> 1 && i + 1 < bytes.length && byte !== copy[i + 1]);
  return Buffer.concat([copy.subarray(0, at), copy.subarray(at, at + 2).reverse(), copy.subarray(at + 2)]);
}

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  return copy;
}

describe.each([['plain', undefined], ['encrypted, with an overlay', rawKey]] as const)('%s', (_, key) => {
  test('every object kind, every fault: found, and nothing wrong comes out', { timeout: 120_000 }, async () => {
    await using sample = await openSample(key);
    const { repository, session, folder } = sample;
    const contents = sampleContents();
    if (key === undefined) await sealSample(repository, pool, 'A', contents);
    else await sealOverSample(repository, pool, 'A', contents);
    await sealSample(repository, pool, 'B', new Map([...contents].map(([name, bytes]) => [`${name}-b`, bytes?.length === 0 ? bytes : bytes && new Uint8Array(Buffer.concat([bytes, Buffer.from('b')]))])));
    expect((await verifySet(repository, pool, 'A', 'content')).damage).toEqual([]);
    const keys = (await Array.fromAsync(session.list(''))).map((each) => each.key);
    const bodies = new Map(await Promise.all(keys.map(async (each): Promise<[string, Buffer]> => [each, await readFile(join(folder, each))])));
    const own = await objectsOf(sample, 'A');
    expect(own.some((each) => each.startsWith('packs/'))).toBe(true);
    // A table and a shard; the overlay.
    expect(own.filter((each) => each.startsWith('index/'))).toHaveLength(key === undefined ? 2 : 3);
    const missed: string[] = [];
    for (const object of own) {
      for (const [name, fault] of Object.entries(faults)) {
        const body = bodies.get(object)!;
        const other = [...bodies].find(([each, bytes]) => each !== object && each.split('/')[0] === object.split('/')[0] && each.split('/').at(-1)!.length === object.split('/').at(-1)!.length && !bytes.equals(body))?.[1] ?? Buffer.from('{"formatVersion":1}');
        const wrong = fault(body, other);
        if (wrong === undefined) await rm(join(folder, object));
        else await writeFile(join(folder, object), wrong);
        const out = await mkdtemp(join(tmpdir(), 'out-'));
        try {
          const result = await verifySet(repository, pool, 'A', 'content').catch((error: { code: string }) => error.code === 'E_SET_NOT_FOUND' ? { ok: false, damage: [{ object, kind: 'missing', entries: ['set'] }] } : Promise.reject(error));
          const damage = result.damage.find((each) => each.object === object);
          if (result.ok || damage === undefined) missed.push(`${name} of ${object}`);
          // The digest of a pack covers headers and frames alike: an entry is always hit.
          else if (!/begun|sources|manifest/.test(object) && damage.entries.length === 0 && !name.startsWith('append')) missed.push(`${name} of ${object}: no entry named`);
          const extracted = await extractEntries(repository, pool, { setId: 'A', source: 'hdfs', instance: 'hacluster', paths: [], to: out }).catch((error: { code: string }) => error.code);
          for (const [path, bytes] of contents) {
            const written = await readFile(join(out, path)).catch(() => undefined);
            if (written !== undefined && bytes !== undefined) expect(Buffer.compare(written, bytes), `${name} of ${object}: ${path}`).toBe(0);
          }
          if (object.startsWith('packs/') && !name.startsWith('append') && typeof extracted !== 'string') {
            // Exactly what the verification names does not come out.
            expect(new Set(extracted.failed.map((each) => `hdfs@hacluster:${each.key}`))).toEqual(new Set(result.damage.flatMap((each) => each.entries)));
          }
        } finally {
          await rm(out, { recursive: true });
          await session.remove(object);
          await session.put(object, [body], { length: body.length, sha256: (await import('node:crypto')).hash('sha256', body) });
        }
      }
    }
    expect(missed).toEqual([]);
    expect((await verifySet(repository, pool, 'A', 'content')).ok).toBe(true);
  });

  test('presence and stored find what they can without the key', async () => {
    await using sample = await openSample(key);
    await sealSample(sample.repository, pool, 'A', sampleContents());
    const keyless = await openRepositoryKeyless(sample.session);
    expect(await verifySet(keyless, pool, 'A', 'presence')).toMatchObject({ ok: true });
    expect(await verifySet(keyless, pool, 'A', 'stored')).toMatchObject({ ok: true });
    const pack = (await objectsOf(sample, 'A')).find((each) => each.startsWith('packs/'))!;
    const body = await readFile(join(sample.folder, pack));
    await writeFile(join(sample.folder, pack), flip(body, 100));
    expect(await verifySet(keyless, pool, 'A', 'presence')).toMatchObject({ ok: true });
    expect((await verifySet(keyless, pool, 'A', 'stored')).damage).toMatchObject([{ object: pack, kind: 'digest' }]);
    expect((await verifySet(sample.repository, pool, 'A', 'stored')).damage[0]!.entries.length).toBeGreaterThan(0);
    await writeFile(join(sample.folder, pack), body.subarray(1));
    expect((await verifySet(keyless, pool, 'A', 'presence')).damage).toMatchObject([{ object: pack, kind: 'length' }]);
  });

  test('a changed repository.json does not open', async () => {
    await using sample = await openSample(key);
    const path = join(sample.folder, 'repository.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"chunkBytes": 4096', '"chunkBytes": 8192'));
    await expect(openRepository(sample.session, key)).rejects.toMatchObject({ code: 'E_CORRUPT' });
  });
});

/** Objects that prove the set: its folder and what its index names. */
async function objectsOf({ repository }: Awaited<ReturnType<typeof openSample>>, setId: string): Promise<string[]> {
  const { readManifest } = await import('../../backupset/readManifest.ts');
  const { readShardPacks, readTable } = await import('../../backupset/indexFormat.ts');
  const { indexKey, packKey } = await import('../../backupset/packKey.ts');
  const manifest = await readManifest(repository, setId);
  const objects = new Set<string>();
  for await (const { key } of repository.session.list(`sets/c1/nightly/${setId}/`)) objects.add(key);
  for (const { table } of manifest.sources) {
    objects.add(indexKey(table.digest));
    const { shards, overlay } = await readTable(repository, pool, table);
    for (const [kind, refs] of [['shard', shards], ['overlay', overlay]] as const) {
      for (const ref of refs) {
        objects.add(indexKey(ref.digest));
        for (const [pack] of await readShardPacks(repository, pool, ref, kind)) objects.add(packKey(pack));
      }
    }
  }
  return [...objects];
}
