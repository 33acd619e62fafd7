import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFramePool, type FramePool } from '../../backupset/framePool.ts';
import { PackStream } from '../../transfer/packStream.ts';
import { noise, openSample } from './sampleSet.ts';

let pool: FramePool;
beforeAll(() => { pool = createFramePool({ threads: 1 }); });
afterAll(async () => { await pool[Symbol.asyncDispose](); });

// A reader tells by its length whether a piece is one chunk: a longer one would be stored and could not be read.
test('a chunk that is longer than the repository says is never stored', async () => {
  await using sample = await openSample();
  const stream = new PackStream({ pool, destinations: [{ name: 'vault', repository: sample.repository, parent: undefined, bad: new Set() }], ahead: 1, cursor: { line: 0, offset: 0 }, open: [[]], onCut: async () => undefined });
  const bytes = noise('long', sample.repository.chunkBytes + 1) as Uint8Array<ArrayBuffer>;
  await expect(stream.addChunk({ line: 0, entry: { key: '/a', type: 'file', length: bytes.length, attributes: {} }, offset: 0, length: bytes.length, last: true }, bytes)).rejects.toMatchObject({ code: 'E_INTERNAL', message: expect.stringContaining('/a') });
});
