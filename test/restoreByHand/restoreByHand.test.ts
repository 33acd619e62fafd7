import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createFramePool } from '../../backupset/framePool.ts';
import type { RepositoryKey } from '../../backupset/repository.ts';
import { openSample, rawKey, sampleContents, sealOverSample, sealSample } from '../format/sampleSet.ts';

const run = promisify(execFile);
const script = new URL('./restore.mjs', import.meta.url).pathname;

test.each<[string, RepositoryKey | undefined, typeof sealOverSample | typeof sealSample]>([
  ['plain', undefined, sealSample], ['plain, an increment laid over its parent', undefined, sealOverSample], ['raw key', rawKey, sealOverSample], ['passphrase', { kind: 'passphrase', secret: 'correct horse' }, sealSample],
])('the description alone gives everything back: %s', async (_, key, seal) => {
  await using sample = await openSample(key);
  await using pool = createFramePool({ threads: 1 });
  const contents = sampleContents();
  await seal(sample.repository, pool, 'A', contents);
  const out = await mkdtemp(join(tmpdir(), 'by-hand-'));
  try {
    const keyFile = join(out, 'key');
    if (key !== undefined) await writeFile(keyFile, key.kind === 'raw' ? (key.secret as Buffer).toString('hex') : `${String(key.secret)}\n`);
    await run(process.execPath, [script, sample.folder, 'A', 'hdfs@hacluster', join(out, 'files'), ...(key === undefined ? [] : [key.kind === 'raw' ? keyFile : `passphrase:${keyFile}`])]);
    for (const [path, bytes] of contents) if (bytes !== undefined) expect(Buffer.compare(await readFile(join(out, 'files', path)), bytes), path).toBe(0);
    await expect(access(join(out, 'files', '/data/gone'))).rejects.toMatchObject({ code: 'ENOENT' });
  } finally {
    await rm(out, { recursive: true });
  }
});
