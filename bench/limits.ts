import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { sampleText } from './sampleText.ts';
import type { Samples } from './samples.ts';

const blockBytes = 4 << 20;
const totalBytes = 256 << 20;

/** What this machine can do at all, on one core, in this run: read from the page cache, SHA-256, zstd -3, write and fsync. */
export function limits(folder: string, samples: Samples): void {
  const block = Buffer.alloc(blockBytes);
  sampleText(0, 1, 3)(block);
  const file = join(folder, 'limits');
  const measured = (step: string, work: () => void): void => {
    const begin = performance.now();
    work();
    const seconds = (performance.now() - begin) / 1000;
    samples.add('limits', 'one core', step, 'this machine', { seconds, notes: [`${(totalBytes / (1 << 20) / seconds).toFixed(0)} MiB/s`] });
  };
  const times = (work: () => void): void => { for (let at = 0; at < totalBytes; at += blockBytes) work(); };
  const fd = fs.openSync(file, 'w+');
  measured('write and fsync 256 MiB', () => {
    times(() => fs.writeSync(fd, block));
    fs.fsyncSync(fd);
  });
  measured('read 256 MiB (page cache)', () => { for (let at = 0; at < totalBytes; at += blockBytes) fs.readSync(fd, block, 0, blockBytes, at); });
  fs.closeSync(fd);
  fs.rmSync(file);
  measured('SHA-256 of 256 MiB', () => {
    const hash = createHash('sha256');
    times(() => hash.update(block));
    hash.digest();
  });
  measured('zstd -3 of 256 MiB', () => times(() => void zstdCompressSync(block, { chunkSize: blockBytes, params: { [constants.ZSTD_c_compressionLevel]: 3 } })));
}
