import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { orderedChildren } from '../../components/hdfs/orderedChildren.ts';
import type { HdfsStatus, WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';

/** The NameNode's order: signed bytes. */
function signed(a: string, b: string): number {
  const x = Buffer.from(a);
  const y = Buffer.from(b);
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x.readInt8(i) - y.readInt8(i);
  return x.length - y.length;
}

function serverOf(names: readonly string[], pageSize: number): Pick<WebHdfs, 'listPaged'> {
  const sorted = [...names].sort(signed);
  return {
    async *listPaged(_path, options = {}) {
      const rest = sorted.filter((name) => options.startAfter === undefined || signed(name, options.startAfter) > 0);
      for (let at = 0; at < rest.length; at += pageSize) yield rest.slice(at, at + pageSize).map((pathSuffix) => ({ pathSuffix }) as HdfsStatus);
    },
  };
}

async function ordered(names: readonly string[], pageSize: number): Promise<string[]> {
  const client = serverOf(names, pageSize) as WebHdfs;
  const found: string[] = [];
  for await (const child of orderedChildren(client, '/d', client.listPaged('/d'))) found.push(child.pathSuffix);
  return found;
}

const name = fc.array(fc.constantFrom('a', 'b', '!', '~', 'é', 'ü', '中', '\u{1F600}', '\uE000'), { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));

test('children come in the order of keys, whatever the order of the NameNode', async () => {
  await fc.assert(fc.asyncProperty(fc.uniqueArray(name, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), async (names, pageSize) => {
    expect(await ordered(names, pageSize)).toEqual([...names].sort(compareKeys));
  }), { numRuns: 300 });
});

test('more names beyond ASCII than are kept are fetched again and lose nothing', async () => {
  const names = Array.from({ length: 21_500 }, (_, i) => `中${i % 7 === 0 ? 'é' : 'e'}${i}`);
  expect(await ordered(names, 1000)).toEqual([...names].sort(compareKeys));
});
