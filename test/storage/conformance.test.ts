import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkDestination } from '../../storage/conformance.ts';
import { localDir } from '../../storage/localDir.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'mrs-backup-conformance-'))));
afterEach(async () => await rm(folder, { recursive: true, force: true }));

/** Defects no real server shows on demand: a driver with each of them must not pass. */
const defects: Record<string, (real: StorageSession) => Partial<StorageSession>> = {
  'another digest than promised is refused': (real) => ({
    async put(key, body, expected, signal) {
      if (!key.includes('refused/digest')) return await real.put(key, body, expected, signal);
      const parts: Uint8Array[] = [];
      for await (const part of body) parts.push(part);
      const all = Buffer.concat(parts);
      await real.put(key, [all], { length: all.length, sha256: createHash('sha256').update(all).digest('hex') }, signal);
    },
  }),
  'nothing is seen of an object until it is whole': (real) => ({
    async put(key, body, expected, signal) {
      const early = sampleBody(1, key);
      if (key.includes('unfinished')) await real.put(key, early.body(), early, signal);
      await real.put(key, body, expected, signal);
    },
  }),
  'listing is complete and ordered': (real) => ({
    async *list(prefix, signal) {
      let skipped = false;
      for await (const object of real.list(prefix, signal)) {
        if (!skipped && object.key.endsWith('.17')) skipped = true;
        else yield object;
      }
    },
  }),
  'a range beyond the end is refused': (real) => ({
    async *get(key, range, signal) {
      const length = (await real.stat(key, signal))?.length ?? 0;
      yield* real.get(key, range && { offset: Math.min(range.offset, length), length: Math.max(0, Math.min(range.length, length - range.offset)) }, signal);
    },
  }),
  'hostile names': (real) => ({ put: (key, body, expected, signal) => real.put(key.normalize('NFC'), body, expected, signal) }),
  'removing twice': (real) => ({
    async remove(key, signal) {
      if (key.includes('removed') && (await real.stat(key, signal)) === undefined) throw new Error('no such file');
      await real.remove(key, signal);
    },
  }),
};

for (const [name, defect] of Object.entries(defects)) {
  test(`a driver that breaks “${name}” fails that case`, { timeout: 30_000 }, async () => {
    const open = async (): Promise<StorageSession> => {
      const real = await localDir.open({ type: 'LocalDir', path: folder, allowRootFileSystem: true }, { name: 'vault', readSecret: async () => '' });
      const rest: StorageSession = {
        put: (...args) => real.put(...args), get: (...args) => real.get(...args), stat: (...args) => real.stat(...args), list: (...args) => real.list(...args),
        remove: (...args) => real.remove(...args), space: (...args) => real.space(...args), unfinished: (...args) => real.unfinished(...args), sweep: (...args) => real.sweep(...args), [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
      };
      return { ...rest, ...defect(real) };
    };
    const failed: string[] = [];
    for await (const result of checkDestination(open, localDir.capabilities, { largeBytes: 1000, listed: 60 })) if (result.status === 'failed') failed.push(result.name);
    expect(failed).toContain(name);
  });
}
