import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ShardLines } from '../../backupset/shardLines.ts';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { isBelow } from '../../contracts/isBelow.ts';

const name = fc.oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }), fc.constantFrom('"', '\\', '\n', 'a"b', '\\"', '\u{10000}', '\uffff', '}')).filter((each) => !each.includes('/'));
const key = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`);

test('a line is found by its key, and what lies below one, wherever a writer puts the key in its line', () => {
  fc.assert(fc.property(fc.uniqueArray(key, { maxLength: 30 }), fc.array(key, { maxLength: 5 }), fc.func(fc.boolean()), fc.boolean(), (there, others, isFirst, inOrder) => {
    const keys = there.sort(compareKeys);
    const texts = keys.map((k) => JSON.stringify(isFirst(k) ? { k, a: { text: '{"k":"no"}' } } : { t: 'f', k }));
    const lines = new ShardLines(Buffer.from(texts.map((text) => `${text}\n`).join('')), [], 'index/x');
    expect(lines.all()).toEqual(texts);
    const asked = [...keys, ...others];
    for (const each of inOrder ? asked.sort(compareKeys) : asked.reverse()) {
      expect(lines.find(each)).toBe(keys.includes(each) ? texts[keys.indexOf(each)] : undefined);
      expect([...lines.below(each)]).toEqual(texts.filter((_, i) => isBelow(keys[i]!, each)));
    }
  }), { seed: 20261125 });
});

test('bytes that are no lines are refused', () => {
  expect(() => new ShardLines(Buffer.from('{"k":"a"}'), [], 'index/x')).toThrow(expect.objectContaining({ code: 'E_CORRUPT' }));
  for (const bytes of ['x\n', '{"k":5}\n', '{"k":"a\n', '{"k":"a\\\n', '[]\n', 'null\n', '\n', Buffer.from([0xff, 0xfe, 0x0a])]) {
    const lines = new ShardLines(Buffer.from(bytes), [], 'index/x');
    let found: unknown;
    try {
      found = lines.find('a');
    } catch (error) {
      expect(error).toMatchObject({ code: 'E_CORRUPT' });
      continue;
    }
    expect(found, String(bytes)).toBeUndefined();
  }
});
