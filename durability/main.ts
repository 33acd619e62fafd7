import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { planRound } from './planRound.ts';
import { reportTable, roundLine } from './reportTable.ts';
import { runRound, type RoundResult } from './runRound.ts';
import { openStormScene } from './stormScene.ts';

/** The command `npm run durability`. */

const usage = `usage: npm run durability -- [options]
Whole runs (full, incremental, restore in place, mirror; in turn) on the real servers of the lab, while worker, engine, NameNode, DataNode and
PostgreSQL are killed with SIGKILL at moments that the seed chooses. What is right is decided by what was written, not by what the product says.
Ends with 1 when anything is lost, wrong, counted twice or left behind. Ctrl-C ends it after the round it is in.
  --rounds N          how many runs (default 4)
  --seed WORD         the same seed chooses the same changes and kills (default 1)
  --from N            begin with this round of the seed (default 1; rounded down to a full run)
  --output text|json  the report on stdout; progress goes to stderr
  --state DIR         where the servers keep their data (default: a temporary folder, removed when all is right)
  --help`;

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
});

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options: { rounds: { type: 'string', default: '4' }, seed: { type: 'string', default: '1' }, from: { type: 'string', default: '1' }, output: { type: 'string', default: 'text' }, state: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const rounds = Number(values.rounds);
  const from = Number(values.from);
  if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(from) || from < 1 || (values.output !== 'text' && values.output !== 'json')) {
    process.stderr.write(`error: --rounds and --from are whole numbers from 1, --output is text or json\n${usage}\n`);
    return 2;
  }
  const folder = resolve(values.state ?? (await mkdtemp(join(tmpdir(), 'mrs-backup-storm-'))));
  const toolsFolder = process.env['MRS_BACKUP_TOOLS'] ?? fileURLToPath(new URL('../.tools', import.meta.url));
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const results: RoundResult[] = [];
  let broken: unknown;
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { stopping = true; });
  {
    await using scene = await openStormScene({ clusters: ['prod', 'standby'], folder, toolsFolder, seed: values.seed, size: { smallFiles: 40, bulkFiles: 10, bulkBytes: 6 << 20, rows: 300 }, bandwidth: '10 MiB/s' });
    // A restoration needs a set of its own seed: it begins with the full run before it.
    const first = from - ((from - 1) % 4);
    try {
      for (let number = first; number < first + rounds && !stopping; number++) {
        const result = await runRound(scene, planRound(values.seed, number), say);
        results.push(result);
        say(roundLine(result));
        for (const line of [...result.wrong, ...result.leftovers]) say(`  ${line}`);
      }
    } catch (error) {
      // What the rounds before came to is said all the same.
      broken = error;
      say(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
  const right = broken === undefined && results.every((each) => each.wrong.length === 0 && each.leftovers.length === 0);
  process.stdout.write(values.output === 'json' ? `${JSON.stringify({ version: 1, seed: values.seed, right, rounds: results })}\n` : `${reportTable(results)}\n`);
  if (right && values.state === undefined) await rm(folder, { recursive: true, force: true });
  else if (!right) say(`data and logs are in ${folder}`);
  return right ? 0 : 1;
}
