import { expect } from 'vitest';
import type { StorageSession } from '../../storage/storageDriver.ts';
import { lengthsOf, putSample, readLength } from './sftpPlace.ts';

const objects = 12;

/**
 * Over a line that is reset every few MiB: what failed is repeated, and in the end everything is there and whole. Returns how often it failed.
 * @param look how what is there is looked at, at once unless said otherwise
 */
export async function putOverResets(session: StorageSession, look: <T>(work: () => Promise<T>) => Promise<T> = (work) => work()): Promise<number> {
  let failures = 0;
  for (let i = 0; i < objects; ) {
    try {
      await putSample(session, `object-${i}`, 1 << 20);
      i++;
    } catch (error) {
      expect(error).toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
      expect(++failures).toBeLessThan(30);
    }
  }
  const lengths = await look(() => lengthsOf(session));
  expect(Object.keys(lengths)).toHaveLength(objects);
  for (const key of Object.keys(lengths)) expect(await look(() => readLength(session, key))).toBe(1 << 20);
  return failures;
}
