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
import { Failure } from '../../contracts/failure.ts';
import { noise, openSample, rawKey, sampleContents, sealSample } from '../format/sampleSet.ts';
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

test('an index with valid digests and a wrong form gives wrong bytes to nobody', { timeout: 120_000 }, async () => {
  await using sample = await openSample();
  const { repository, session } = sample;
  const contents = sampleContents();
  await sealSample(repository, pool, 'A', contents);
  const key = manifestKey({ cluster: 'c1', task: 'nightly', setId: 'A' });
  const manifest = JSON.parse((await readFile(join(sample.folder, key))).toString()) as Manifest;
  const table = manifest.sources[0]!.table;
  const { shards, summaries } = await readTable(repository, pool, table);
  const first = await readShard(repository, pool, { digest: shards[0]![0], length: shards[0]![1] });
  const shard = { clear: { formatVersion: 1, kind: 'shard', packs: first.packs }, lines: first.lines!.map((line) => JSON.parse(line) as unknown) };
  const text = (lines: readonly unknown[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join('');

  await fc.assert(fc.asyncProperty(mutatedJson(shard), mutatedJson({ clear: { formatVersion: 1, kind: 'table', shards }, lines: summaries!.map(({ digest: _, length: _length, ...rest }) => rest) }), fc.boolean(), async (newShard, newTable, forgeTable) => {
    const forgedShard = newShard as typeof shard;
    if (!Array.isArray(forgedShard?.lines) || typeof forgedShard.clear !== 'object' || forgedShard.clear === null) return;
    const written = await writeTwoFrames(repository, pool, forgedShard.clear, text(forgedShard.lines), new Set());
    const refs = shards.map(([digest, length], position): [string, number] => (position === 0 ? [written.digest, written.length] : [digest, length]));
    const tableOf = forgeTable ? (newTable as { clear: object; lines: unknown[] }) : { clear: { formatVersion: 1, kind: 'table', shards: refs }, lines: summaries!.map(({ digest: _, length: _length, ...rest }) => rest) };
    if (!Array.isArray(tableOf?.lines) || typeof tableOf.clear !== 'object' || tableOf.clear === null) return;
    const forgedTable = await writeTwoFrames(repository, pool, tableOf.clear, text(tableOf.lines), new Set());
    await forgeManifest(manifest, forgedTable, refs);
    await failureOf(() => verifySet(repository, pool, 'A', 'content'));
    const out = await mkdtemp(join(tmpdir(), 'fuzz-'));
    try {
      const failed = await failureOf(() => extractEntries(repository, pool, { setId: 'A', source: 'hdfs', instance: 'hacluster', paths: [], to: join(out, 'inner') }));
      // Names and attributes may be forged where nothing is signed; what is written stays where it was asked to.
      expect((await readdir(out)).filter((name) => name !== 'inner')).toEqual([]);
      if (failed !== undefined) expect(['E_CORRUPT', 'E_FORMAT', 'E_OBJECT_NOT_FOUND', 'E_SET_NOT_FOUND', 'E_USAGE', 'E_EXISTS']).toContain(failed);
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  }), { ...fuzz, numRuns: Math.ceil(fuzz.numRuns / 2) });

  async function forgeManifest(from: Manifest, tableRef: TableRef, refs: readonly (readonly [string, number])[]): Promise<void> {
    const changed = { ...from, sources: [{ ...from.sources[0]!, table: { digest: tableRef.digest, length: tableRef.length }, root: rootOf(refs.map(([digest]) => digest)) }] };
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
