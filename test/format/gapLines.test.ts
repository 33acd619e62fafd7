import { expect, test } from 'vitest';
import { createFramePool } from '../../backupset/framePool.ts';
import { gapLines } from '../../backupset/gapLines.ts';
import type { IndexedEntry } from '../../backupset/piece.ts';
import { writeIndex } from '../../backupset/writeIndex.ts';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { emptyCounts, metered } from '../../storage/layers.ts';
import { openSample } from './sampleSet.ts';

test('entries without content are named, up to a thousand, then counted; only in shards that have some, only below what is asked for', async () => {
  await using sample = await openSample();
  await using pool = createFramePool({ threads: 1 });
  const { repository, session } = sample;
  const plain = (key: string): IndexedEntry => ({ key, type: 'directory', length: 0, attributes: {} });
  const puts = [
    ...Array.from({ length: 9000 }, (_, i) => plain(`/a/${i}`)), plain('/z'),
    ...Array.from({ length: 1200 }, (_, i): IndexedEntry => ({ key: `/links/${i}`, type: 'symlink', length: 0, attributes: {}, gap: 'a link' })),
    { ...plain('/zone'), gap: 'encrypted' },
  ].sort((a, b) => compareKeys(a.key, b.key));
  const { table } = await writeIndex(repository, pool, { removed: [], puts });
  const counts = emptyCounts();
  const lines = await gapLines({ ...repository, session: metered(session, counts) }, pool, table);
  expect(lines).toHaveLength(1001);
  expect([lines[0], lines.at(-1)]).toEqual(['/links/0: a link', 'and 201 more entries without content']);
  // The table and the two or three shards at the end.
  expect(counts.get.requests).toBeLessThanOrEqual(4);
  expect(await gapLines(repository, pool, table, ['/zone', '/links/17'])).toEqual(['/links/17: a link', '/zone: encrypted']);
  expect(await gapLines(repository, pool, table, ['/a'])).toEqual([]);
});
