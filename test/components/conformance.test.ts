import { expect, test } from 'vitest';
import { checkSource } from '../../components/conformance.ts';
import type { SourceSession } from '../../components/dataSource.ts';
import { bytesOf } from '../../components/conformanceScene.ts';
import { MemoryService } from './memorySource.ts';

/** Defects no real server shows on demand: a source with each of them must not pass the case of its name. */
const defects: readonly [string, (real: SourceSession) => Partial<SourceSession>][] = [
  ['a handle is taken quickly, found again, listed, and dropped twice', (real) => ({ takeHandle: async (name, selection) => ({ ...(await real.takeHandle(name, selection)), takenAt: new Date().toISOString() }) })],
  ['a handle is taken quickly, found again, listed, and dropped twice', () => ({ listHandles: async () => [] })],
  ['a listing is ordered, without duplicates, and the same twice', (real) => ({
    async *plan(...args) {
      for await (const change of real.plan(...args)) yield* args[2] === undefined ? [change, change] : [change];
    },
  })],
  ['reading gives exactly the listed bytes, ranges are their slices, also after a restart', (real) => ({ read: (handle, entry, offset, length) => real.read(handle, entry, offset === 0 ? 0 : offset - 1, length) })],
  ['what is written after the handle is not in it, nor in an increment before it', (real) => {
    // Live data instead of the handle's.
    const live = async (name: string): Promise<void> => { await real.dropHandle(name, {}); await real.takeHandle(name, {}); };
    return { async *plan(...args) { if (args[0].name.endsWith('-b')) await live(args[0].name); yield* real.plan(...args); } };
  }],
  ['an increment applied to the old listing equals the full one', (real) => ({
    async *plan(...args) {
      for await (const change of real.plan(...args)) if (args[2] === undefined || change.op !== 'remove') yield change;
    },
  })],
  ['a handle that was removed is named as lost, and can be taken anew', (real) => ({
    async *plan(...args) {
      if (!(await real.listHandles({})).includes(args[0].name)) await real.takeHandle(args[0].name, {});
      yield* real.plan(...args);
    },
  })],
  ['planning a restoration changes nothing', (real) => ({ planRestore: async (target, totals) => { await real.beginRestore(target); return real.planRestore(target, totals); } })],
  ['restored beside it equals the set, every step repeated, and the way back removes it', (real) => ({
    writeEntry: async (target, entry, body) => {
      const bytes = await bytesOf(body);
      const spoilt = Buffer.from(bytes);
      if (spoilt.length > 0 && entry.key === 'a') spoilt[0]! ^= 1;
      await real.writeEntry(target, entry, (async function* () { yield spoilt; })());
    },
    isRestored: async () => true,
  })],
  ['an entry whose bytes fail on the way does not appear, and comes with the next try', (real) => ({
    writeEntry: async (target, entry, body) => {
      try {
        await real.writeEntry(target, entry, body);
      } catch {
        await real.writeEntry(target, { ...entry, length: 1 }, (async function* () { yield Buffer.from('x'); })());
      }
    },
  })],
  ['in place nothing changes before the commit, committing twice is one, and the way back is whole', (real) => ({ finishRestore: async (target, progress) => { await real.finishRestore(target, progress); if (target.mode === 'inPlace') await real.commitRestore(target); } })],
  ['a target that exists is refused, kept or replaced, as the policy says', (real) => ({ beginRestore: (target) => real.beginRestore({ ...target, existing: target.existing === 'fail' ? 'force' : target.existing }) })],
  ['a target that exists is refused, kept or replaced, as the policy says', () => ({ releaseRestore: async () => undefined })],
];

test('a source that keeps every promise passes every case', async () => {
  const results = [];
  for await (const result of checkSource(new MemoryService().fixture())) results.push(result);
  expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
  expect(results.length).toBeGreaterThanOrEqual(12);
  expect(new Set(results.map(({ name }) => name)).size).toBe(results.length);
});

test.concurrent.each(defects.map(([name, spoil], i) => ({ name, spoil, i })))('a source that breaks “$name” fails that case ($i)', async ({ name, spoil }) => {
  const failed: string[] = [];
  for await (const result of checkSource(new MemoryService().fixture(spoil))) if (result.status === 'failed') failed.push(result.name);
  expect(failed).toContain(name);
});

test('a source of which every method fails fails every case, and ends', async () => {
  const dead = (): Partial<SourceSession> => ({ takeHandle: async () => { throw new Error('down'); } });
  for await (const result of checkSource(new MemoryService().fixture(dead))) expect(result).toMatchObject({ status: 'failed', reason: 'down' });
});
