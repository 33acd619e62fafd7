import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { sources } from '../../components/sources.ts';
import { checkConfig } from '../../config/checkConfig.ts';
import { drivers } from '../../storage/drivers.ts';

const text = readFileSync(new URL('../../docs/guide/destinations.md', import.meta.url), 'utf8');

/** Full configurations of the guide go on where the least one began. */
const blocks = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, body]) => (/^(clusters|destinations):/m.test(body!) ? body! : `destinations:\n${body}`));

/** Keys that an operator may write, of all forms of a type's block. */
function keysOf(schema: z.ZodType): string[] {
  const { anyOf, properties } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as { anyOf?: { properties?: object }[]; properties?: object };
  return [...new Set((anyOf ?? [{ properties }]).flatMap((form) => Object.keys(form.properties ?? {})))];
}

/** Put in by ourselves when the configuration is loaded. */
const notWritten: Readonly<Record<string, readonly string[]>> = { LocalHDFS: ['webhdfs', 'user'] };

test.each(blocks.map((body, i) => [i + 1, body] as const))('configuration %i of the guide to destinations is a good one', (_, body) => {
  const { problems } = checkConfig(body, '/etc/mrs-backup.yaml', { sources, drivers });
  expect(problems).toEqual([]);
});

test.each(drivers.map(({ type, config }) => [type, config] as const))('everything a block of type %s may have is in the guide, in one that is least and one that is not', (type, config) => {
  const written = blocks.flatMap((body) => Object.values((parse(body) as { destinations: Record<string, Record<string, unknown>> }).destinations)).filter((block) => block['type'] === type);
  expect(written.length).toBeGreaterThan(1);
  const told = new Set(written.flatMap((block) => Object.keys(block)));
  // What goes only instead of something else stands there as a comment.
  for (const [, key] of text.matchAll(/^ +# (\w+):/gm)) told.add(key!);
  expect([...keysOf(config), 'encryption'].filter((key) => !told.has(key) && !notWritten[type]?.includes(key))).toEqual([]);
});
