import { hash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { extractEntries } from '../../backupset/extractEntries.ts';
import { buildFrame, openFrame, preparePayload } from '../../backupset/frame.ts';
import { createFramePool, type FramePool } from '../../backupset/framePool.ts';
import { readShard, readTable, rootOf, writeTwoFrames, type TableRef } from '../../backupset/indexFormat.ts';
import { withChecksum } from '../../backupset/jsonObject.ts';
import { manifestKey } from '../../backupset/layout.ts';
import { listSets } from '../../backupset/listSets.ts';
import { readProofs, writeProof } from '../../backupset/proofs.ts';
import { authenticate, readManifest, type Manifest } from '../../backupset/readManifest.ts';
import { openRepository } from '../../backupset/repository.ts';
import { verifySet } from '../../backupset/verifySet.ts';
import { writeIndex } from '../../backupset/writeIndex.ts';
import { Failure } from '../../contracts/failure.ts';
import { noise, openSample, rawKey, sampleContents, sealOverSample, sealSample } from '../format/sampleSet.ts';
import { fuzz, mutatedBytes, mutatedJson } from './mutate.ts';

// What gets past every digest: a forger in a plain repository, or a defect of another writer. It must end in a clear error or in the right bytes.

let pool: FramePool;
beforeAll(() => { pool = createFramePool({ threads: 1 }); });
afterAll(async () => { await pool[Symbol.asyncDispose](); });

/** The failure of this, which must be one of ours and no defect; undefined when it succeeds. */
async function failureOf(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof Failure && error.code !== 'E_INTERNAL') return error.code;
    throw error;
  }
}

test.each([['plain', undefined], ['encrypted', rawKey]] as const)('a frame, %s, opens to its bytes or not at all', async (_, key) => {
  await using sample = await openSample(key);
  for (const raw of [noise('small', 20), noise('one', 4000), new Uint8Array(5000), Buffer.from('{"formatVersion":1}')]) {
    const frame = buildFrame(preparePayload(raw), sample.repository.keys);
    fc.assert(fc.property(mutatedBytes(frame), (bytes) => {
      try {
        expect(Buffer.compare(openFrame(bytes, sample.repository.keys).raw, raw)).toBe(0);
      } catch (error) {
        if (!(error instanceof Failure) || !['E_CORRUPT', 'E_FORMAT', 'E_KEY'].includes(error.code)) throw error;
      }
    }), fuzz);
  }
});

test('a manifest with a valid authentication and a wrong form is refused or read', { timeout: 120_000 }, async () => {
  await using sample = await openSample();
  const { repository, session } = sample;
  await sealSample(repository, pool, 'A', sampleContents());
  const key = manifestKey({ cluster: 'c1', task: 'nightly', setId: 'A' });
  const manifest = JSON.parse((await readFile(join(sample.folder, key))).toString()) as Manifest;
  await fc.assert(fc.asyncProperty(mutatedJson(manifest), async (changed) => {
    const forged = typeof changed === 'object' && changed !== null && !Array.isArray(changed) ? { ...changed, authentication: authenticate(repository, changed) } : changed;
    await replace(session, key, Buffer.from(JSON.stringify(forged)));
    await failureOf(() => readManifest(repository, 'A'));
    await failureOf(() => verifySet(repository, pool, 'A', 'content'));
    await failureOf(() => Array.fromAsync(listSets(repository)));
  }), { ...fuzz, numRuns: Math.ceil(fuzz.numRuns / 2) });
});

test.each([['', sealSample], [', with an overlay', sealOverSample]] as const)('an index with valid digests and a wrong form gives wrong bytes to nobody%s', { timeout: 120_000 }, async (_, seal) => {
  await using sample = await openSample();
  const { repository, session } = sample;
  const contents = sampleContents();
  await seal(repository, pool, 'A', contents);
  const key = manifestKey({ cluster: 'c1', task: 'nightly', setId: 'A' });
  const manifest = JSON.parse((await readFile(join(sample.folder, key))).toString()) as Manifest;
  const { shards, overlay, summaries } = await readTable(repository, pool, manifest.sources[0]!.table);
  type Forgeable = { clear: object; lines: unknown[] };
  const refs = (items: readonly TableRef[]) => items.map(({ digest, length }): [string, number] => [digest, length]);
  const shardOf = async (ref: TableRef, kind: 'shard' | 'overlay'): Promise<Forgeable> => {
    const lines = await readShard(repository, pool, ref, kind);
    return { clear: { formatVersion: kind === 'shard' ? 1 : 2, kind, packs: lines.packs }, lines: lines.all().map((line) => JSON.parse(line) as unknown) };
  };
  const tableOf = (base: readonly TableRef[], over: readonly TableRef[]): Forgeable => ({
    clear: over.length === 0 ? { formatVersion: 1, kind: 'table', shards: refs(base) } : { formatVersion: 2, kind: 'table', shards: refs(base), overlay: refs(over) },
    lines: [...summaries!.shards, ...summaries!.overlay].map(({ digest: _digest, length: _length, ...rest }) => rest),
  });
  const objects = { shard: await shardOf(shards[0]!, 'shard'), table: tableOf(shards, overlay), ...(overlay.length === 0 ? {} : { overlay: await shardOf(overlay[0]!, 'overlay') }) };
  const forgery = fc.oneof(...Object.entries(objects).map(([kind, object]) => mutatedJson(object).map((changed) => ({ kind, changed: changed as Forgeable | null }))));

  await fc.assert(fc.asyncProperty(forgery, async ({ kind, changed }) => {
    if (!Array.isArray(changed?.lines) || typeof changed.clear !== 'object' || changed.clear === null) return;
    const written = await writeTwoFrames(repository, pool, changed.clear, changed.lines.map((line) => `${JSON.stringify(line)}\n`).join(''), new Set());
    const [base, over] = [kind === 'shard' ? [written, ...shards.slice(1)] : shards, kind === 'overlay' ? [written, ...overlay.slice(1)] : overlay];
    const table = tableOf(base, over);
    const forgedTable = kind === 'table' ? written : await writeTwoFrames(repository, pool, table.clear, table.lines.map((line) => `${JSON.stringify(line)}\n`).join(''), new Set());
    await forgeManifest(manifest, forgedTable, [...base, ...over]);
    await failureOf(() => verifySet(repository, pool, 'A', 'content'));
    const out = await mkdtemp(join(tmpdir(), 'fuzz-'));
    try {
      const failed = await failureOf(() => extractEntries(repository, pool, { setId: 'A', source: 'hdfs', instance: 'hacluster', paths: [], to: join(out, 'inner') }));
      // Names and attributes may be forged where nothing is signed; what is written stays where it was asked to.
      expect((await readdir(out)).filter((name) => name !== 'inner')).toEqual([]);
      if (failed !== undefined) expect(['E_CORRUPT', 'E_FORMAT', 'E_OBJECT_NOT_FOUND', 'E_SET_NOT_FOUND', 'E_USAGE', 'E_EXISTS']).toContain(failed);
      // What is to be written next is merged into it, or is refused.
      await failureOf(() => writeIndex(repository, pool, { parent: forgedTable, removed: ['/data/small-03'], puts: [{ key: '/data/zeros', type: 'directory', length: 0, attributes: {} }] }));
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  }), { ...fuzz, numRuns: Math.ceil(fuzz.numRuns / 3) });

  async function forgeManifest(from: Manifest, tableRef: TableRef, refs: readonly TableRef[]): Promise<void> {
    const changed = { ...from, sources: [{ ...from.sources[0]!, table: { digest: tableRef.digest, length: tableRef.length }, root: rootOf(refs.map(({ digest }) => digest)) }] };
    await replace(session, key, Buffer.from(JSON.stringify({ ...changed, authentication: authenticate(repository, changed) })));
  }
});

test('a repository header and proofs with valid checksums and a wrong form are refused or read', { timeout: 120_000 }, async () => {
  await using sample = await openSample(rawKey);
  const { repository, session } = sample;
  await sealSample(repository, pool, 'A', sampleContents());
  await writeProof(repository, await verifySet(repository, pool, 'A', 'stored'));
  const set = { cluster: 'c1', task: 'nightly', setId: 'A' };
  const proofKey = (await Array.fromAsync(session.list('sets/'))).map((each) => each.key).find((name) => name.includes('/proofs/'))!;
  for (const [key, read] of [[proofKey, () => readProofs(repository, set)], ['repository.json', () => openRepository(session, rawKey)]] as const) {
    const original = await readFile(join(sample.folder, key));
    const { checksum: _, ...rest } = JSON.parse(original.toString()) as { checksum: string };
    await fc.assert(fc.asyncProperty(mutatedJson(rest), async (changed) => {
      await replace(session, key, Buffer.from(JSON.stringify(typeof changed === 'object' && changed !== null && !Array.isArray(changed) ? withChecksum(changed) : changed)));
      await failureOf(read);
    }), { ...fuzz, numRuns: Math.ceil(fuzz.numRuns / 2) });
    await fc.assert(fc.asyncProperty(mutatedBytes(original), async (bytes) => {
      await replace(session, key, bytes);
      await failureOf(read);
    }), { ...fuzz, numRuns: Math.ceil(fuzz.numRuns / 4) });
    await replace(session, key, original);
  }
});

async function replace(session: Awaited<ReturnType<typeof openSample>>['session'], key: string, bytes: Buffer): Promise<void> {
  await session.remove(key);
  await session.put(key, [bytes], { length: bytes.length, sha256: hash('sha256', bytes) });
}
