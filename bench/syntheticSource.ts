import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { DataSource, SourceSession } from '../components/dataSource.ts';
import type { Entry } from '../contracts/entry.ts';
import { Failure } from '../contracts/failure.ts';

const perFolder = 1000;
const instance = z.strictObject({
  entries: z.int().min(1),
  /** File that holds how often the source has changed by now. */
  generationFile: z.string(),
  changes: z.int().min(0),
  fileBytes: z.int().min(0),
});
type Instance = z.infer<typeof instance>;

/**
 * Any number of small files that are made up when they are asked for: what grows with their number is then our own. The first change rewrites some
 * of them, evenly spread; every later one as many that lie side by side.
 */
export const syntheticSource: DataSource<Instance, Record<string, never>> = {
  name: 'synthetic', component: 'Synthetic', kind: 'serviceData', instance, selection: z.strictObject({}), chunking: 'fixed', runsAfter: [], neverWith: {}, incomparableAttributes: [], covered: () => 'none',
  ownsKey: (key) => key.startsWith('/'),
  connect: async (block) => session(block),
};

function session(block: Instance): SourceSession<Record<string, never>> {
  const cannot = async (): Promise<never> => { throw new Failure('E_UNSUPPORTED', 'a synthetic source is only read, for measuring'); };
  const stride = block.changes === 0 ? Infinity : Math.max(1, Math.floor(block.entries / block.changes));
  const isSpread = (index: number): boolean => index % stride === 0;
  const isSideBySide = (index: number): boolean => index < block.changes;
  const generationOf = (index: number, generation: number): number => (generation > 1 && isSideBySide(index) ? generation : generation > 0 && isSpread(index) ? 1 : 0);
  const file = (index: number, generation: number): Entry => ({
    key: `${folder(Math.floor(index / perFolder))}/f${String(index % perFolder).padStart(3, '0')}`, type: 'file', length: block.fileBytes,
    attributes: { owner: 'hive', group: 'hadoop', permission: '644', modificationTime: 1_760_000_000_000 + index + generationOf(index, generation) * 1000, fileId: 16_385 + index, replication: 3, blockSize: 134_217_728, generation: generationOf(index, generation) },
  });
  return {
    preflight: async () => ({ version: '1', problems: [] }),
    async takeHandle(name) {
      return { name, takenAt: new Date().toISOString(), data: { generation: Number(await readFile(block.generationFile, 'utf8')) } };
    },
    dropHandle: async () => undefined,
    listHandles: async () => [],
    async *plan(handle, _selection, since, report) {
      report({ kind: since === undefined ? 'full' : 'incremental' });
      const generation = handle.data['generation'] as number;
      if (since !== undefined) {
        const [step, end] = generation > 1 ? [1, Math.min(block.changes, block.entries)] : [stride, block.entries];
        for (let index = 0; index < end; index += step) yield { op: 'put', entry: file(index, generation) };
        return;
      }
      for (let index = 0; index < block.entries; index++) {
        if (index % perFolder === 0) yield { op: 'put', entry: { key: folder(index / perFolder), type: 'directory', length: 0, attributes: { owner: 'hive', permission: '755' } } };
        yield { op: 'put', entry: file(index, generation) };
      }
    },
    describe: async () => ({ version: '1', inventory: { entries: block.entries }, warnings: [], openKeys: [] }),
    complete: (_handle, entry) => entry,
    async *read(_handle, entry, offset, length) {
      const text = `${entry.key} ${String(entry.attributes['generation'])} `;
      yield Buffer.from(text.repeat(Math.ceil(block.fileBytes / text.length))).subarray(offset, offset + length);
    },
    planRestore: cannot, beginRestore: cannot, isRestored: cannot, writeEntry: cannot, settleDirectory: cannot, finishRestore: cannot, statRestored: cannot,
    readRestored() { throw new Failure('E_UNSUPPORTED', 'a synthetic source is only read, for measuring'); },
    comparable: () => 'content', commitRestore: cannot, rollbackRestore: cannot, releaseRestore: cannot, isUnfinished: async () => false,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function folder(number: number): string {
  return `/d${String(number).padStart(6, '0')}`;
}
