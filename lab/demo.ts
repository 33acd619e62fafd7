import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import pc from 'picocolors';
import prettyBytes from 'pretty-bytes';
import { beginDemo } from './beginDemo.ts';
import { loseDatabase, loseDirectory, writeBulk } from './damage.ts';
import { createLab } from './lab.ts';
import { clusters } from './labConfig.ts';
import { openProduct, type Product } from './product.ts';
import { changeSampleData, makeSampleData } from './sampleData.ts';

/** The whole story in a terminal: backup, death, increment, loss, recovery, mirror; on real servers. */
const usage = `usage: npm run demo [-- --keep] [-- --state FOLDER]
Shows the whole product on real servers: two HDFS clusters with two NameServices each, two PostgreSQL, Temporal.
  --keep          leaves the servers running, and says how to stop them
  --state FOLDER  keeps everything there instead of in .demo`;
const options = optionsOf(process.argv.slice(2));
const stateFolder = resolve(options.state ?? fileURLToPath(new URL('../.demo', import.meta.url)));
const toolsFolder = process.env['MRS_BACKUP_TOOLS'] ?? fileURLToPath(new URL('../.tools', import.meta.url));
const begunMs = Date.now();
const numbers: [string, string][] = [];
const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.abort(signal));
// A reader that had enough (`| head`), or a terminal that was closed: as if interrupted, or the servers would be left.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => interrupt.abort('SIGHUP'));

await beginDemo(stateFolder, toolsFolder).catch((error: unknown) => refuse(error instanceof Error ? error.message : String(error), 1));
const lab = await createLab({ stateFolder, toolsFolder, onProgress: (line) => process.stderr.write(`${pc.dim(`  ${line}`)}\n`) });
const product = openProduct(lab.config(), join(stateFolder, 'engine'));
const servers = Object.values(clusters).flatMap(({ hdfs, dbservice }) => [...Object.values(hdfs), dbservice]);
let starting: Promise<void> = Promise.resolve();
let failed = false;
try {
  await Promise.race([tell(), interrupted()]);
} catch (error) {
  failed = true;
  if (interrupt.signal.aborted) process.stderr.write(`\ninterrupted: ${options.keep ? 'engine and worker are' : 'everything is'} being stopped …\n`);
  else process.stderr.write(`\n${pc.red('the demo failed:')} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\nlogs are in ${stateFolder}\n`);
} finally {
  // What is being started is known, and can be stopped, once it runs.
  await starting.catch(() => undefined);
  await product.abandon();
  await product.down();
  if (options.keep) process.stderr.write(`the servers run on; npm run lab -- down --state ${stateFolder} stops them\n`);
  else await lab.down();
}
process.exit(interrupt.signal.aborted ? 128 + constants.signals[interrupt.signal.reason as NodeJS.Signals] : failed ? 1 : 0);

function optionsOf(args: readonly string[]): { readonly keep: boolean; readonly state: string | undefined } {
  try {
    const { values } = parseArgs({ args: [...args], options: { keep: { type: 'boolean' }, state: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
    if (values.help === true) {
      process.stdout.write(`${usage}\n`);
      process.exit(0);
    }
    // `npm run demo --keep`, without the two dashes between: npm takes it for a setting of its own.
    return { keep: values.keep === true || process.env['npm_config_keep'] === 'true', state: values.state };
  } catch (error) {
    return refuse(`${(error as Error).message}\n${usage}`, 2);
  }
}

function refuse(message: string, code: number): never {
  process.stderr.write(`error: ${message}\n`);
  process.exit(code);
}

async function interrupted(): Promise<never> {
  if (!interrupt.signal.aborted) await new Promise((done) => interrupt.signal.addEventListener('abort', done, { once: true }));
  throw new Error('interrupted');
}

async function tell(): Promise<void> {
  chapter('Two Hadoop clusters, two PostgreSQL servers and the embedded engine are started');
  await (starting = lab.up(servers, interrupt.signal));
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
  process.stdout.write(`${tryNext(second.setIds[0]!)}\n`);
}

/** What needs no server comes first; without `--keep` the servers are to be started for the rest. */
function tryNext(setId: string): string {
  const lines = [
    `export MRS_BACKUP_CONFIG=${lab.config()}`,
    './mrs-backup set list --destination vault',
    `./mrs-backup set show ${setId} --destination vault`,
    `./mrs-backup set extract ${setId} hdfs@hacluster /data/attributes --to ${join(stateFolder, 'out')} --destination vault`,
    './mrs-backup support show',
    ...(options.keep ? [] : [`npm run lab -- up --state ${stateFolder} ${servers.join(' ')}`]),
    './mrs-backup up                # keeps engine and worker running; the next one in another terminal',
    './mrs-backup task run nightly',
    `npm run lab -- down --state ${stateFolder}`,
  ];
  return `\nTry next:\n${lines.map((line) => `  ${line}`).join('\n')}`;
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
