import { mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extractEntries, type ExtractResult } from '../../backupset/extractEntries.ts';
import { fetchStretches } from '../../backupset/fetchStretches.ts';
import { createFramePool } from '../../backupset/framePool.ts';
import { packKey } from '../../backupset/packKey.ts';
import type { IndexedEntry } from '../../backupset/piece.ts';
import { createLimiter, emptyCounts, metered, throttled } from '../../storage/layers.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { noise, openSample, rawKey, sealSample } from './sampleSet.ts';

const pool = createFramePool({ threads: 2 });
afterAll(() => pool[Symbol.asyncDispose]());
const contents = new Map<string, Uint8Array | undefined>([
  ['/d', undefined], ...Array.from({ length: 400 }, (_, i): [string, Uint8Array] => [`/d/f${String(i).padStart(3, '0')}`, noise(String(i), 150 + (i % 90))]),
  ['/empty', new Uint8Array(0)], ['/large', noise('large', 60_000)],
]);

describe.each([['plain', undefined], ['encrypted', rawKey]] as const)('extracting from packs that are no local files, %s', (_name, key) => {
  let sample: Awaited<ReturnType<typeof openSample>>;
  let entries: IndexedEntry[];
  let out: string;
  beforeEach(async () => {
    sample = await openSample(key);
    entries = await sealSample(sample.repository, pool, 'A', contents);
    out = await mkdtemp(join(tmpdir(), 'extract-'));
  });
  afterEach(async () => {
    await sample[Symbol.asyncDispose]();
    await rm(out, { recursive: true });
  });

  /** As over the network: `throttled` gives no paths of files. */
  async function extract(paths: string[] = []): Promise<ExtractResult & { readonly gets: number }> {
    const counts = emptyCounts();
    const session = metered(throttled(sample.session, createLimiter({ bytesPerSecond: undefined })), counts);
    expect(session.localFile).toBeUndefined();
    const result = await extractEntries({ ...sample.repository, session }, pool, { setId: 'A', source: 'hdfs', instance: 'hacluster', paths, to: out });
    return { ...result, gets: counts.get.requests };
  }

  async function expectWritten(but: ReadonlySet<string> = new Set()): Promise<void> {
    for (const [path, bytes] of contents) {
      const written = await readFile(join(out, path)).catch((error: NodeJS.ErrnoException) => String(error.code));
      if (bytes !== undefined) expect(typeof written === 'string' ? written : written.toString('hex'), path).toBe(but.has(path) ? 'ENOENT' : Buffer.from(bytes).toString('hex'));
    }
    expect((await readdir(out, { recursive: true })).filter((name) => name.includes('.mrs-backup-'))).toEqual([]);
  }

  const firstPack = (): IndexedEntry['pieces'] & {} => entries.find((each) => each.key === '/d/f100')!.pieces!;
  const entriesOf = (pack: string, from = 0): Set<string> => new Set(entries.filter((each) => each.pieces?.some((piece) => piece.pack === pack && piece.frameOffset + piece.storedLength > from)).map((each) => each.key));

  it('gives every byte, with a request for many small files', async () => {
    const result = await extract();
    expect(result).toMatchObject({ files: 402, failedTotal: 0 });
    expect(result.gets).toBeLessThan(40);
    await expectWritten();
  });

  it('fetches nothing twice, however many folders the files lie in', async () => {
    const folders = new Map<string, Uint8Array | undefined>(Array.from({ length: 60 }, (_, folder) => [[`/${folder}`, undefined] as const, ...Array.from({ length: 7 }, (_, i) => [`/${folder}/${i}`, noise(`${folder} ${i}`, 140)] as const)]).flat());
    const inFolders = await sealSample(sample.repository, pool, 'B', folders);
    const packs = new Set(inFolders.flatMap((each) => each.pieces ?? []).map(({ pack }) => pack));
    const ranges: string[] = [];
    const session = throttled(sample.session, createLimiter({ bytesPerSecond: undefined }));
    const watched: StorageSession = { ...session, get: (name, range, signal) => {
      if (name.startsWith('packs/')) ranges.push(`${name} ${range?.offset}+${range?.length}`);
      return session.get(name, range, signal);
    } };
    expect(await extractEntries({ ...sample.repository, session: watched }, pool, { setId: 'B', source: 'hdfs', instance: 'hacluster', paths: [], to: out })).toMatchObject({ entries: 480, files: 420, failedTotal: 0 });
    expect(new Set(ranges).size).toBe(ranges.length);
    expect(ranges.length).toBeLessThanOrEqual(2 * packs.size);
    expect(await readFile(join(out, '59', '6'))).toEqual(Buffer.from(noise('59 6', 140)));
  });

  it('fetches nothing at once of files that lie scattered: memory would grow with what lies around them', async () => {
    const counts = emptyCounts();
    const repository = { ...sample.repository, session: metered(sample.session, counts) };
    const piece = entries.find((each) => each.key === '/d/f100')!.pieces![0]!;
    const scattered = Array.from({ length: 40 }, (_, i) => ({ ...piece, pack: String(i).padStart(64, '0'), frameOffset: 0, storedLength: 1 << 20 }));
    expect(await fetchStretches(repository, scattered, undefined)).toBeUndefined();
    expect(counts.get.requests).toBe(0);
    expect(await fetchStretches(repository, [piece, piece], undefined)).toHaveLength(1);
  });

  it('gives one of many with few requests', async () => {
    const result = await extract(['/d/f123']);
    expect(result).toMatchObject({ files: 1, failedTotal: 0 });
    expect(result.gets).toBeLessThanOrEqual(6);
  });

  it('writes nothing wrong of a pack with a flipped bit, names just what is hit, and gives the rest', async () => {
    const { pack, frameOffset } = firstPack()[0]!;
    const file = join(sample.folder, packKey(pack));
    const bytes = await readFile(file);
    bytes[frameOffset + 60]! ^= 1;
    await writeFile(file, bytes);
    const hit = new Set(entries.filter((each) => each.pieces?.some((piece) => piece.pack === pack && piece.frameOffset === frameOffset)).map((each) => each.key));
    expect(new Set((await extract()).failed.map((each) => each.key))).toEqual(hit);
    await expectWritten(hit);
  });

  it('gives what lies before the end of a pack that was cut off', async () => {
    const { pack, packLength } = firstPack()[0]!;
    await truncate(join(sample.folder, packKey(pack)), packLength - 1);
    const hit = entriesOf(pack, packLength - 1);
    expect(hit.size).toBeLessThan(entriesOf(pack).size);
    expect(new Set((await extract()).failed.map((each) => each.key))).toEqual(hit);
    await expectWritten(hit);
  });

  it('gives everything but the entries of a pack that is gone', async () => {
    const { pack } = firstPack()[0]!;
    await rm(join(sample.folder, packKey(pack)));
    const hit = entriesOf(pack);
    expect(new Set((await extract()).failed.map((each) => each.key))).toEqual(hit);
    await expectWritten(hit);
  });
});
