import { expect, test } from 'vitest';
import { createFramePool } from '../../backupset/framePool.ts';
import { packKey } from '../../backupset/packKey.ts';
import type { IndexedEntry } from '../../backupset/piece.ts';
import { openIndex } from '../../backupset/readIndex.ts';
import { writeIndex } from '../../backupset/writeIndex.ts';
import { compareKeys } from '../../contracts/compareKeys.ts';
import type { Change, Entry } from '../../contracts/entry.ts';
import type { OpenDestination } from '../../transfer/openDestination.ts';
import { withReadAgain } from '../../transfer/readAgain.ts';
import { openSample } from '../format/sampleSet.ts';

const { signal } = new AbortController();
const file = (key: string): Entry => ({ key, type: 'file', length: 0, attributes: { of: key } });
const keysOf = (changes: readonly Change[]): string[] => changes.map((each) => (each.op === 'put' ? each.entry.key : `-${each.key}`));

async function* streamed<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

test('all that could not be read is read again, however much it is, but what is gone or comes anyway', async () => {
  await using sample = await openSample();
  await using pool = createFramePool({ threads: 1 });
  const { repository } = sample;
  const unread = (key: string): IndexedEntry => ({ ...file(key), gap: 'could not be read: a block is on no DataNode' });
  const names = Array.from({ length: 12_000 }, (_, i) => `/a/${String(i).padStart(5, '0')}`);
  const puts = [
    ...names.map((key, i) => (i % 3 === 0 ? unread(key) : file(key))), unread('/gone/x'), unread('/gone/y'), { ...file('/z'), type: 'symlink' as const, gap: 'a link' },
  ].sort((a, b) => compareKeys(a.key, b.key));
  const { table } = await writeIndex(repository, pool, { removed: [], puts });
  const parent = await openIndex(repository, pool, table);
  const destinations: OpenDestination[] = [{ name: 'one', repository, parent, bad: new Set() }, { name: 'two', repository, parent, bad: new Set() }];
  const changed = { ...file('/a/00003'), attributes: { of: 'new' } };
  const changes: Change[] = [{ op: 'put', entry: changed }, { op: 'put', entry: file('/a/00004') }, { op: 'remove', key: '/gone' }, { op: 'put', entry: file('/new') }];
  const all = await Array.fromAsync(await withReadAgain(streamed(changes), destinations, signal));
  const expected = [...names.filter((_, i) => i % 3 === 0), '/a/00004', '-/gone', '/new'].sort((a, b) => compareKeys(a.replace('-', ''), b.replace('-', '')));
  expect(keysOf(all)).toEqual(expected);
  expect(all.find((each) => each.op === 'put' && each.entry.key === '/a/00003')).toEqual({ op: 'put', entry: changed });
  expect(all.find((each) => each.op === 'put' && each.entry.key === '/a/00006')).toEqual({ op: 'put', entry: file('/a/00006') });
});

test('so is what lies in an object that one of the destinations has lost; nothing else is looked at', async () => {
  await using sample = await openSample();
  await using pool = createFramePool({ threads: 1 });
  const { repository } = sample;
  const [good, lost] = ['a', 'b'].map((digit) => digit.repeat(64)) as [string, string];
  const inPack = (key: string, pack: string): IndexedEntry => ({ ...file(key), length: 5, pieces: [{ offset: 0, length: 5, digest: 'c'.repeat(64), pack, packLength: 100, frameOffset: 0, storedLength: 50, skip: 0 }] });
  const { table } = await writeIndex(repository, pool, { removed: [], puts: [inPack('/a', good), inPack('/b', lost), inPack('/c', good)] });
  const parent = await openIndex(repository, pool, table);
  const of = (bad: readonly string[]): OpenDestination => ({ name: 'one', repository, parent, bad: new Set(bad.map(packKey)) });
  expect(keysOf(await Array.fromAsync(await withReadAgain(streamed<Change>([]), [of([]), of([lost])], signal)))).toEqual(['/b']);
  const changes = streamed<Change>([]);
  expect(await withReadAgain(changes, [of([]), of([])], signal)).toBe(changes);
});
