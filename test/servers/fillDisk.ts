import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { StorageSession } from '../../storage/storageDriver.ts';
import type { QuotaDisk } from './quotaDisk.ts';
import { lengthsOf, putSample, readLength } from './sftpPlace.ts';

const full = { code: 'E_DESTINATION_FULL', hint: expect.stringContaining('make space') };

/** Two objects that fit one by one only: a full disk is said, nothing half is left below `root` on the server, and writing goes on when there is space again. */
export async function fillDisk(session: StorageSession, root: string, [first, second]: readonly [number, number], told: object = {}): Promise<void> {
  await putSample(session, 'first', first);
  await expect(putSample(session, 'second', second)).rejects.toMatchObject({ ...full, ...told });
  expect(await lengthsOf(session)).toEqual({ first });
  expect(await readdir(join(root, '.tmp'))).toEqual([]);
  await session.remove('first');
  await putSample(session, 'second', second);
  expect(await lengthsOf(session)).toEqual({ second });
}

/**
 * The same with a quota, on a disk that has space: it is said also of the smallest object, what is there is read and can be removed, and writing goes on when the
 * quota is raised, or when what was removed made room in it.
 * @param told how it is said, where that is not as of a full disk
 */
export async function fillQuota(session: StorageSession, quota: QuotaDisk, told: object = {}): Promise<void> {
  const sizes = { first: 5_000_000, second: 6_000_000 };
  await quota.limit(8 << 20);
  await putSample(session, 'first', sizes.first);
  expect((await session.space()).freeBytes ?? Infinity).toBeGreaterThan(100 << 20);
  const expectRefused = async (key: string, length?: number): Promise<void> => {
    await expect(putSample(session, key, length)).rejects.toMatchObject({ ...full, ...told });
    expect(await lengthsOf(session)).toEqual({ first: sizes.first });
    expect(await readdir(join(quota.path, 'vault', '.tmp'))).toEqual([]);
  };
  await expectRefused('second', sizes.second);
  // Below what is there already.
  await quota.limit(1 << 20);
  await expectRefused('second');
  expect(await readLength(session, 'first')).toBe(sizes.first);
  await quota.limit(64 << 20);
  await putSample(session, 'second', sizes.second);
  expect(await lengthsOf(session)).toEqual(sizes);
  await quota.limit(8 << 20);
  for (const each of Object.keys(sizes)) await session.remove(each);
  await putSample(session, 'third', sizes.second);
  expect(await lengthsOf(session)).toEqual({ third: sizes.second });
}
