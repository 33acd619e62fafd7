import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { sources } from '../../components/sources.ts';
import { checkConfig } from '../../config/checkConfig.ts';
import { makeSampleData } from '../../lab/sampleData.ts';
import { drivers } from '../../storage/drivers.ts';
import { openJourney, type Journey } from './openJourney.ts';

// What README and guide tell people to type is typed here, in the order they tell it.
const root = fileURLToPath(new URL('../..', import.meta.url));
// Generated from the commands themselves, and held to them by a test of its own.
const generated = ['commands.md'];
const texts = ['README.md', ...readdirSync(join(root, 'docs/guide')).filter((name) => !generated.includes(name)).sort().map((name) => `docs/guide/${name}`)].map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }));

/** Blocks between fences, with their language. */
function blocksOf(text: string): { readonly language: string; readonly body: string }[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((found) => ({ language: found[1]!, body: found[2]! }));
}

/** Words of a command line; quotes hold words together, a comment ends it. */
function wordsOf(line: string): string[] {
  return [...line.replace(/\s#.*$/, '').matchAll(/"([^"]*)"|(\S+)/g)].map((found) => found[1] ?? found[2]!);
}

interface Told {
  readonly place: string;
  readonly words: readonly string[];
}

/** Command lines of the product in fenced blocks. */
const typed: Told[] = texts.flatMap(({ name, text }) => blocksOf(text).filter(({ language }) => language === '' || language === 'sh').flatMap(({ body }) => body.split('\n').filter((line) => /^(\.\/)?mrs-backup /.test(line)).map((line) => ({ place: `${name}: ${line.replace(/\s+#.*/, '')}`, words: wordsOf(line).slice(1) }))));
/** Commands named in running text. */
const named: Told[] = texts.flatMap(({ name, text }) => [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/`mrs-backup ([^`]+)`/g)].map((found) => ({ place: `${name}: ${found[1]}`, words: wordsOf(found[1]!) })));

describe('the commands of README and guide', () => {
  let journey: Journey;
  beforeAll(async () => {
    journey = await openJourney(['hdfs-a', 'hdfs-b', 'dbservice', 'dbservice-b']);
    await makeSampleData(journey.lab, { files: 20, largeBytes: 1 << 20, rows: 100 });
    await using hdfs = journey.hdfs('hdfs-a');
    await hdfs.mkdirs('/data/sales');
    await hdfs.create('/data/sales/2026.csv', [Buffer.from('a,b\n')]);
    await journey.product.json(['task', 'run', 'nightly']);
  }, 240_000);
  afterAll(async () => { await journey?.close(); });

  it('do what they are said to do', { timeout: 300_000 }, async () => {
    expect(typed.length).toBeGreaterThan(8);
    let plan = { planId: '', digest: '' };
    const map = join(journey.folder, 'map.yaml');
    await writeFile(map, 'instances: { "hdfs@hacluster": hacluster }\n');
    for (const { place, words } of typed) {
      // It runs already.
      if (words[0] === 'up') continue;
      const { sets } = await journey.product.json<{ sets: { setId: string }[] }>(['set', 'list', '--destination', 'vault']);
      const args = words.map((word) => {
        if (/^\d{8}T\d{6}Z-[0-9a-f]{8}$/.test(word)) return sets.at(-1)!.setId;
        if (word.startsWith('plan-')) return plan.planId;
        if (/^[0-9a-f]+…$/.test(word)) return plan.digest;
        if (/^\d{4}-\d\d-\d\dT/.test(word)) return new Date().toISOString();
        return { 'map.yaml': map, '/backup': journey.vault, out: join(journey.folder, 'out') }[word] ?? word;
      });
      const answer = await journey.product.run(...args, '--output', 'json');
      expect(answer.code, `${place}\n${answer.stdout}\n${answer.stderr}`).toBe(0);
      const document = answer.json<{ planId?: string; digest?: string }>();
      if (args[1] === 'plan') plan = { planId: document.planId!, digest: document.digest! };
    }
    expect(readFileSync(join(journey.folder, 'out/data/sales/2026.csv'), 'utf8')).toBe('a,b\n');
  });

  it.each(named)('$place is a command with these options', async ({ words }) => {
    const command = words.slice(0, words.findIndex((word) => !/^[a-z]+$/.test(word)) === -1 ? words.length : words.findIndex((word) => !/^[a-z]+$/.test(word)));
    // `task run nightly`: what follows the verb is its argument.
    const verb = ['up', 'worker', 'reap'].includes(command[0]!) ? 1 : 2;
    const help = await journey.product.run(...command.slice(0, verb), '--help');
    expect(help.code).toBe(0);
    for (const option of words.filter((word) => word.startsWith('--'))) expect(help.stdout).toContain(option);
  });
});

test('the configurations of the guide are good ones', () => {
  const configurations = texts.flatMap(({ name, text }) => blocksOf(text).filter(({ language, body }) => language === 'yaml' && /^(clusters|destinations|tasks):/m.test(body)).map(({ body }) => ({ name, body })));
  expect(configurations.length).toBeGreaterThan(0);
  for (const { name, body } of configurations) {
    const { problems } = checkConfig(body, '/etc/mrs-backup.yaml', { sources, drivers });
    expect(problems.filter((each) => each.severity === 'error'), name).toEqual([]);
  }
});
