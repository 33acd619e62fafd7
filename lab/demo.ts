import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import pc from 'picocolors';
import prettyBytes from 'pretty-bytes';
import { loseDatabase, loseDirectory, writeBulk } from './damage.ts';
import { createLab } from './lab.ts';
import { clusters } from './labConfig.ts';
import { openProduct, type Product } from './product.ts';
import { changeSampleData, makeSampleData } from './sampleData.ts';

/** The whole story in a terminal: backup, death, increment, loss, recovery, mirror; on real servers. */
const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({ options: { keep: { type: 'boolean' }, state: { type: 'string' }, help: { type: 'boolean', short: 'h' } }, allowPositionals: true });
if (values.help === true) {
  process.stdout.write('npm run demo [-- --keep] [-- --state FOLDER]\n\nShows the whole product on real servers: two HDFS clusters with two NameServices each, two PostgreSQL, Temporal.\n--keep leaves the servers running; npm run lab -- down stops them.\n');
  process.exit(0);
}
const stateFolder = values.state ?? join(root, '.demo');
const begunMs = Date.now();
const numbers: [string, string][] = [];

const labOptions = { stateFolder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? join(root, '.tools'), onProgress: (line: string) => process.stderr.write(`${pc.dim(`  ${line}`)}\n`) };
// Every demo begins anew.
await (await createLab(labOptions)).down();
await rm(stateFolder, { recursive: true, force: true });
const lab = await createLab(labOptions);
const product = openProduct(lab.config(), join(stateFolder, 'engine'));
let failed = false;
try {
  await tell();
} catch (error) {
  failed = true;
  process.stderr.write(`\n${pc.red('the demo failed:')} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\nlogs are in ${stateFolder}\n`);
} finally {
  await product.down();
  if (values.keep !== true) await lab.down();
}
process.exit(failed ? 1 : 0);

async function tell(): Promise<void> {
  chapter('Two Hadoop clusters, two PostgreSQL servers and the embedded engine are started');
  await lab.up(Object.values(clusters).flatMap(({ hdfs, dbservice }) => [...Object.values(hdfs), dbservice]));
  await product.up();
  say('engine and worker are up');

  chapter('Sample data: files with owners, ACLs, quotas and hostile names; databases of Hive, Hue and Oozie');
  await makeSampleData(lab, { files: 400, largeBytes: 32 << 20 });
  await writeBulk(lab, 'hdfs-a', '/data/bulk', 10, 64 << 20);

  chapter('A backup runs, its worker is killed with SIGKILL in the middle, and the run goes on from where it was');
  command('task run nightly');
  const run = product.start(['task', 'run', 'nightly', '--output', 'json'], { stderr: 'inherit' });
  await untilCopying(product);
  const pid = await product.kill('worker');
  say(pc.yellow(`kill -9 ${pid} (the worker)`));
  const first = (await run.answer).json<RunAnswer>();
  check(first.outcome === 'sealed', `the run ended ${first.outcome}`);
  const full = sum(first);
  numbers.push(['full run', `${full.files} files, ${prettyBytes(full.bytes)}, stored ${prettyBytes(full.storedBytes)}, one kill -9 survived`]);

  chapter('The set is verified: every byte, opened, against the manifest, with nothing but the repository');
  await show(['set', 'verify', first.setIds[0]!, '--destination', 'vault', '--level', 'content']);

  chapter('Data changes; an incremental run follows');
  await changeSampleData(lab, { files: 400 });
  const second = await shown<RunAnswer>(['task', 'run', 'nightly']);
  const change = sum(second);
  check(second.outcome === 'sealed', `the run ended ${second.outcome}`);
  numbers.push(['incremental run', `${second.sources.map((each) => `${each.instance} ${each.kind}`).join(', ')}; stored ${prettyBytes(change.storedBytes)} of ${prettyBytes(change.bytes)}`]);

  chapter('A directory and a database are lost, and restored in place');
  await loseDirectory(lab, 'hdfs-a', '/data/bulk');
  await loseDatabase(lab, 'dbservice', 'hivemeta');
  say('lost: /data/bulk of hacluster, database hivemeta');
  const plan = await shown<{ planId: string }>(['restoration', 'plan', second.setIds[0]!, '--destination', 'vault', '--to', 'prod', '--in-place', '--source', 'hdfs@hacluster', '--source', 'dbservice', '--only', '/data/bulk', '--only', 'databases/hivemeta', '--only', 'globals.sql']);
  const restored = await shown<RestoreAnswer>(['restoration', 'run', plan.planId, '--yes']);
  check(restored.outcome === 'restored', `the restoration ended ${restored.outcome}`);
  numbers.push(['restored in place', `${restored.sources.map((each) => `${each.source} ${each.entries} entries, ${each.compared} compared, ${each.differences} differ`).join('; ')}; ${restored.rtoSeconds.toFixed(1)} s from approval`]);

  chapter('The whole cluster is restored into another one, and compared byte by byte');
  const mirror = await shown<RestoreAnswer>(['mirror', 'run', '--from', 'prod', '--to', 'standby']);
  check(mirror.outcome === 'restored', `the mirror ended ${mirror.outcome}`);
  for (const each of mirror.sources) say(`${each.source}@${each.instance}: ${each.entries} entries, ${each.compared} compared, ${each.differences === 0 ? pc.green('equal') : pc.red(`${each.differences} differ`)}`);
  numbers.push(['mirrored', `${mirror.sources.length} instances in ${mirror.rtoSeconds.toFixed(1)} s, ${mirror.sources.reduce((total, each) => total + each.compared, 0)} entries compared, ${mirror.sources.reduce((total, each) => total + each.differences, 0)} differ`]);

  chapter('What happened, in numbers');
  for (const [what, how] of numbers) say(`${what.padEnd(18)} ${how}`);
  say(`${'all of it'.padEnd(18)} ${((Date.now() - begunMs) / 1000).toFixed(0)} s`);
  const config = lab.config();
  process.stdout.write(`\nTry next${values.keep === true ? '' : ' (npm run demo -- --keep leaves the servers running)'}:\n  export MRS_BACKUP_CONFIG=${config}\n  ./mrs-backup set list --destination vault\n  ./mrs-backup set show ${second.setIds[0]} --destination vault\n  ./mrs-backup set extract ${second.setIds[0]} hdfs@hacluster /data --to out --destination vault\n  ./mrs-backup up          # then: ./mrs-backup task run nightly\n  ./mrs-backup support show\n`);
}

interface RunAnswer {
  readonly runId: string;
  readonly setIds: readonly string[];
  readonly outcome: string;
  readonly sources: readonly { readonly source: string; readonly instance: string; readonly kind: string; readonly files: number; readonly bytes: number; readonly storedBytes: number }[];
}

interface RestoreAnswer {
  readonly outcome: string;
  readonly rtoSeconds: number;
  readonly sources: readonly { readonly source: string; readonly instance: string; readonly entries: number; readonly compared: number; readonly differences: number }[];
}

function sum(run: RunAnswer): { readonly files: number; readonly bytes: number; readonly storedBytes: number } {
  return run.sources.reduce((total, each) => ({ files: total.files + each.files, bytes: total.bytes + each.bytes, storedBytes: total.storedBytes + each.storedBytes }), { files: 0, bytes: 0, storedBytes: 0 });
}

/** Waits until the running backup copies the bulk, so that a death in the middle is one. */
async function untilCopying(from: Product): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { runs } = await from.json<{ runs: readonly { runId: string; state: string }[] }>(['run', 'list']);
    const running = runs.find((each) => each.state === 'running');
    if (running !== undefined) {
      const { progress } = await from.json<{ progress?: { totalBytes?: number } }>(['run', 'show', running.runId]);
      if ((progress?.totalBytes ?? 0) > 600 << 20) return await sleep(1000);
    }
    await sleep(100);
  }
  throw new Error('the backup did not get going');
}

/** Runs a command as the reader would, its progress shown. */
async function show(args: readonly string[]): Promise<void> {
  command(args.join(' '));
  const answer = await product.start(args, { stderr: 'inherit' }).answer;
  process.stdout.write(answer.stdout);
  check(answer.code === 0, `mrs-backup ${args.join(' ')} ended with ${answer.code}`);
}

async function shown<T>(args: readonly string[]): Promise<T> {
  command(args.join(' '));
  const answer = await product.start([...args, '--output', 'json'], { stderr: 'inherit' }).answer;
  check(answer.code === 0 || answer.code === 3, `mrs-backup ${args.join(' ')} ended with ${answer.code}: ${answer.stdout}`);
  return answer.json<T>();
}

function chapter(title: string): void {
  process.stdout.write(`\n${pc.bold(pc.cyan(`▸ ${title}`))}  ${pc.dim(`${((Date.now() - begunMs) / 1000).toFixed(0)} s`)}\n`);
}

function command(line: string): void {
  process.stdout.write(`  ${pc.bold(`$ mrs-backup ${line}`)}\n`);
}

function say(line: string): void {
  process.stdout.write(`  ${line}\n`);
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
