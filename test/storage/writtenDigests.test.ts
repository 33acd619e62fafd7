import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { WrittenDigests } from '../../storage/native/writtenDigests.ts';

const [a, b] = [Buffer.from('first'), Buffer.from('second')];

test('the digest of a file is that of its blocks, and of no other file', () => {
  const digests = new WrittenDigests();
  for (const handle of [1, 2]) digests.begin(handle);
  expect(digests.of(1)).toBe(hash('sha256', ''));
  digests.add(1, a, 0);
  digests.add(2, b, 0);
  digests.add(1, b, a.length);
  expect(digests.of(1)).toBe(hash('sha256', Buffer.concat([a, b])));
  expect(digests.of(2)).toBe(hash('sha256', b));
});

test.each([['again', 0], ['behind a hole', 6]])('of a file whose bytes did not come one after the other there is none: written %s', (_name, position) => {
  const digests = new WrittenDigests();
  digests.begin(1);
  digests.add(1, a, 0);
  digests.add(1, b, position);
  expect(() => digests.of(1)).toThrow('not in order');
});

test('nor of a file that this process did not make, or closed', () => {
  const digests = new WrittenDigests();
  digests.add(1, a, 0);
  expect(() => digests.of(1)).toThrow();
  digests.begin(1);
  digests.end(1);
  expect(() => digests.of(1)).toThrow();
});
