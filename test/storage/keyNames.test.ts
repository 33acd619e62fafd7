import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { hostileSegments, longSegments } from '../../storage/hostileSegments.ts';
import { decodeSegment, encodeSegment } from '../../storage/keyNames.ts';

const segments = fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 400 }), fc.string({ unit: fc.integer({ min: 1, max: 0xffff }).map((code) => String.fromCharCode(code)), minLength: 1 }), fc.constantFrom(...hostileSegments(), ...longSegments())).filter((segment) => !/[/\0]/.test(segment) && segment !== '.' && segment !== '..');

test('every segment comes back from its names, which every file system and HDFS can hold', () => {
  fc.assert(
    fc.property(segments, (segment) => {
      const names = encodeSegment(segment);
      expect(decodeSegment(names)).toBe(segment);
      for (const name of names) expect(name).toMatch(/^[A-Za-z0-9._@%-]{1,242}$/);
      for (const name of names) expect(name).not.toMatch(/^\.{1,2}$|^\.(tmp|snapshot|reserved|nfs.*)$/i);
    }),
  );
});

test('two segments never share their names', () => {
  fc.assert(fc.property(segments, segments, (a, b) => a === b || encodeSegment(a).join('/') !== encodeSegment(b).join('/')));
});

test('plain names stay as they are', () => {
  for (const name of ['repository.json', 'a@b', '.hidden', 'x-Y_9.', 'n'.repeat(240)]) expect(encodeSegment(name)).toEqual([name]);
});

test('the names of the specification', () => {
  expect(encodeSegment('a b:é')).toEqual(['a%20b%3A%C3%A9']);
  expect(encodeSegment('.tmp')).toEqual(['%2Etmp']);
  expect(encodeSegment('\ud800')).toEqual(['%uD800']);
  expect(encodeSegment('n'.repeat(241))).toEqual([`${'n'.repeat(240)}%-`, 'n']);
});

test('a name we would not have made is foreign', () => {
  for (const name of ['lost+found', '%61', '%2e', 'a b', '.tmp', '%', '%-', '%C3', 'n'.repeat(241), '%2E', '%2E%2E']) expect(decodeSegment([name])).toBeUndefined();
});

test('where names are those of Windows, they come back too, differ by more than their case, and none is one that Windows changes or keeps for itself', () => {
  fc.assert(
    fc.property(segments, segments, (a, b) => {
      const names = encodeSegment(a, 'windows');
      expect(decodeSegment(names, 'windows')).toBe(a);
      for (const name of names) expect(name).toMatch(/^(?!\.tmp$)(?!(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$))[A-Za-z0-9._@%-]{0,241}[A-Za-z0-9_@%-]$/i);
      return a === b || names.join('/').toLowerCase() !== encodeSegment(b, 'windows').join('/').toLowerCase();
    }),
  );
  expect(['Nightly', 'nul.txt', 'com10', 'a.', '...', '20261125t1200z'].map((name) => encodeSegment(name, 'windows')[0])).toEqual(['%4Eightly', '%6Eul.txt', 'com10', 'a%2E', '..%2E', '20261125t1200z']);
  expect(['Nightly', 'nul.txt', 'a.'].map((name) => decodeSegment([name], 'windows'))).toEqual([undefined, undefined, undefined]);
});
