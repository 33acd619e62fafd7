import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { lengthsOf, putSample } from './sftpPlace.ts';

/** Takes the right to write away in the middle, below `root` on the server: it is said, and what is there stays. */
export async function loseRights(session: StorageSession, root: string): Promise<void> {
  const denied = { code: 'E_DESTINATION_DENIED' };
  await putSample(session, 'a/first', 1000);
  await chmod(join(root, 'a'), 0o500);
  await expect(putSample(session, 'a/second')).rejects.toMatchObject(denied);
  await expect(session.remove('a/first')).rejects.toMatchObject(denied);
  await chmod(join(root, '.tmp'), 0o500);
  await expect(putSample(session, 'b')).rejects.toMatchObject(denied);
  expect(await readdir(join(root, '.tmp'))).toEqual([]);
  expect(await lengthsOf(session)).toEqual({ 'a/first': 1000 });
}
