import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { lengthsOf, putSample } from './sftpPlace.ts';

/** Two objects that fit one by one only: a full disk is said, nothing half is left below `root` on the server, and writing goes on when there is space again. */
export async function fillDisk(session: StorageSession, root: string, [first, second]: readonly [number, number], details: object = {}): Promise<void> {
  await putSample(session, 'first', first);
  await expect(putSample(session, 'second', second)).rejects.toMatchObject({ code: 'E_DESTINATION_FULL', hint: expect.stringContaining('make space'), details });
  expect(await lengthsOf(session)).toEqual({ first });
  expect(await readdir(join(root, '.tmp'))).toEqual([]);
  await session.remove('first');
  await putSample(session, 'second', second);
  expect(await lengthsOf(session)).toEqual({ second });
}
