import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { hadoopJava } from '../lab/hadoopJava.ts';
import { createWebHdfs } from '../protocols/webhdfs/createWebHdfs.ts';
import type { WebHdfs } from '../protocols/webhdfs/webHdfs.ts';
import type { BenchOptions } from './benchOptions.ts';
import { largeCorpus, smallCorpus, type Scale } from './corpora.ts';
import { labFor } from './labFor.ts';
import { measure } from './measure.ts';
import { bytesIn, ours } from './pipeline.ts';
import { sampleText } from './sampleText.ts';
import type { Samples } from './samples.ts';

/** A WebHDFS server writes some tens of small files a second: fewer than in a folder. */
const scales: Readonly<Record<'standard' | 'small', Scale>> = {
  standard: { largeFiles: 4, largeBytes: 128 << 20, smallFiles: 2000, smallFolders: 20 },
  small: { largeFiles: 4, largeBytes: 16 << 20, smallFiles: 200, smallFolders: 10 },
};
const corpus = 'HDFS';
const changedFiles = 20;
const changedBytesEach = 8 << 10;

export interface ClusterOptions extends BenchOptions {
  readonly toolsFolder: string;
  readonly scale: 'standard' | 'small';
}

/** One real NameService as the source: us beside a download followed by restic, and beside DistCp into a folder. */
export async function cluster(options: ClusterOptions): Promise<void> {
  const { folder, toolsFolder, say } = options;
  await using opened = await labFor({ stateFolder: join(folder, 'lab'), toolsFolder, onProgress: say }, ['hdfs-a']);
  const { lab } = opened;
  await using client = createWebHdfs({ urls: [lab.endpoints('hdfs-a')['webhdfs']!], user: userInfo().username });
  const place = lab.place('hdfs-a');
  const java = (...main: readonly string[]): string => {
    const { command, args } = hadoopJava(place, 'tool', main, '512m');
    // DistCp is a jar of its own beside the servers'.
    const withDistCp = args.map((each, index) => (args[index - 1] === '-cp' ? `${each}:${join(toolsFolder, 'distcp')}/*` : each));
    return [command, ...withDistCp].map((each) => `'${each}'`).join(' ');
  };
  const root = `/bench-${Date.now()}`;
  await fill(options, client, java, root);
  for (let round = 0; round < options.runs; round++) await oneRound(options, client, java, lab.endpoints('hdfs-a')['rpc']!, lab.endpoints('hdfs-a')['webhdfs']!, root, round);
}

async function fill({ folder, scale, say }: ClusterOptions, client: WebHdfs, java: (...main: string[]) => string, root: string): Promise<void> {
  const local = join(folder, 'corpora', `cluster-${scale}`);
  const parts = [largeCorpus(join(local, 'large'), scales[scale]), smallCorpus(join(local, 'small'), scales[scale])];
  await client.mkdirs(root);
  say(`filling ${root}`);
  for (const part of parts) await measure({ line: `${java('org.apache.hadoop.fs.FsShell', '-put', '-t', '8', part.folder, `${root}/`)} 2>&1` });
}

async function oneRound({ folder, toolsFolder, peers, runs, subject, samples, say }: ClusterOptions, client: WebHdfs, java: (...main: string[]) => string, rpc: string, webhdfs: string, root: string, round: number): Promise<void> {
  const out = join(folder, 'out', 'cluster', String(round));
  mkdirSync(out, { recursive: true });
  const restic = peers.find((each) => each.name === 'restic');
  const hasDistCp = hasDistCpIn(toolsFolder);
  const task = `hdfs-${round}`;
  const repository = join(out, 'mrs-backup');
  subject.addTask(task, { component: 'HDFS', source: 'hdfs', instance: 'hacluster', block: { webhdfs: [webhdfs], user: userInfo().username }, selection: { paths: [root] } }, repository);
  const add = (step: string, who: string, sample: Parameters<Samples['add']>[4]): void => {
    samples.add('cluster', corpus, step, who, sample);
    say(`cluster ${round + 1}/${runs} ${step.padEnd(12)} ${who.padEnd(24)} ${sample.seconds.toFixed(2)} s`);
  };
  const got = join(out, 'got');
  const copied = join(out, 'distcp');
  for (const step of ['full', '1 % change', 'no change'] as const) {
    const changedBytes = step === '1 % change' ? await change(client, java, root, round) : undefined;
    const before = bytesIn(repository);
    const run = await subject.run(task, out);
    const source = run.result.sources[0]!;
    add(step, ours, { ...run, storedBytes: bytesIn(repository) - before, ...(changedBytes === undefined ? {} : { changedBytes }), notes: [`${source.kind}, ${source.files} files, ${(source.readBytes / (1 << 20)).toFixed(1)} MiB read`] });
    if (step !== 'full' && source.kind !== 'incremental') throw new Error(`the ${step} run was ${source.kind}`);
    const update = step === 'full' ? [] : ['-update', '-delete'];
    if (hasDistCp) add(step, 'DistCp', { ...(await measure({ line: `${java('org.apache.hadoop.tools.DistCp', '-Dmapreduce.framework.name=local', `-Dhadoop.tmp.dir=${join(out, 'distcp-tmp')}`, ...update, '-m', '4', `${rpc}${root}`, `file://${copied}`)} > /dev/null 2> '${out}/distcp.log'`, syncFolder: out })), storedBytes: bytesIn(copied) });
    if (restic === undefined) continue;
    const backup = step === 'full' ? restic.full(got, join(out, 'restic')) : restic.increment(got, join(out, 'restic'));
    add(step, 'hdfs dfs -get, restic', { ...(await measure({ line: `mkdir -p '${got}' && ${java('org.apache.hadoop.fs.FsShell', '-get', '-f', '-t', '4', root, got)} 2> '${out}/get.log' && ${backup}`, ...(restic.env === undefined ? {} : { env: restic.env }), syncFolder: out })), storedBytes: bytesIn(join(out, 'restic')) });
  }
}

/** Whether set-up could bring DistCp. */
export function hasDistCpIn(toolsFolder: string): boolean {
  return existsSync(join(toolsFolder, 'distcp')) && readdirSync(join(toolsFolder, 'distcp')).some((name) => name.endsWith('.jar'));
}

/** Rewrites some small files and adds a little to a large one. */
async function change(client: WebHdfs, java: (...main: string[]) => string, root: string, round: number): Promise<number> {
  const block = (seed: number): Buffer => {
    const bytes = Buffer.alloc(changedBytesEach);
    sampleText(0, 10_000 * (round + 1) + seed)(bytes);
    return bytes;
  };
  for (let i = 0; i < changedFiles; i++) await client.create(`${root}/small/d00${i % 10}/changed-${i}`, [block(i)], { overwrite: true, length: changedBytesEach });
  await measure({ line: `head -c ${changedBytesEach} /dev/urandom | ${java('org.apache.hadoop.fs.FsShell', '-appendToFile', '-', `${root}/large/requests.log`)} 2>&1` });
  return (changedFiles + 1) * changedBytesEach;
}
