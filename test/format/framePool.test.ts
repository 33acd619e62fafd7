import { expect, test } from 'vitest';
import { createFramePool } from '../../backupset/framePool.ts';

test('what somebody waits for goes first, then the lower rank, each in the order it came', async () => {
  await using pool = createFramePool({ threads: 1 });
  const ended: string[] = [];
  const encode = async (name: string, rank?: number): Promise<void> => {
    await pool.encode(new Uint8Array(64 << 10), [undefined], [], undefined, rank);
    ended.push(name);
  };
  // The thread has two at once: these are given to it before anything can overtake them.
  const given = [encode('given 1', 9), encode('given 2', 9)];
  await Promise.all([...given, encode('late 1', 2), encode('late 2', 2), encode('early 1', 1), encode('early 2', 1), encode('waited for')]);
  expect(ended).toEqual(['given 1', 'given 2', 'waited for', 'early 1', 'early 2', 'late 1', 'late 2']);
});
