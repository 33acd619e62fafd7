import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchOptions } from './benchOptions.ts';
import type { Corpus } from './corpora.ts';
import { measure } from './measure.ts';
import { oneFileRequests } from './oneFileRequests.ts';
import type { Peer } from './peers.ts';
import type { Samples } from './samples.ts';

const dataPath = fileURLToPath(new URL('dataPath.ts', import.meta.url));
export const ours = 'mrs-backup';
export const oursDataPath = 'mrs-backup, data path alone';

export interface PipelineOptions extends BenchOptions {
  readonly corpora: readonly Corpus[];
}

/** The same folders through us and through what a user would do instead, in turn, each round beginning with another one. */
export async function pipeline(options: PipelineOptions): Promise<void> {
  for (const corpus of options.corpora) {
    for (let round = 0; round < options.runs; round++) await oneRound(options, corpus, round);
  }
}

async function oneRound({ folder, peers, runs, subject, samples, say }: PipelineOptions, corpus: Corpus, round: number): Promise<void> {
  const out = join(folder, 'out', corpus.name, String(round));
  mkdirSync(out, { recursive: true });
  const task = `${corpus.name}-${round}`;
  const repository = join(out, 'mrs-backup');
  subject.addTask(task, { component: 'LocalTree', source: 'localtree', instance: corpus.name, block: { root: corpus.folder } }, repository);
  const add = (step: string, who: string, sample: Parameters<Samples['add']>[4]): void => {
    samples.add('pipeline', corpus.name, step, who, sample);
    say(`${corpus.name} ${round + 1}/${runs} ${step.padEnd(11)} ${who.padEnd(28)} ${sample.seconds.toFixed(2)} s${sample.storedBytes === undefined ? '' : `, ${(sample.storedBytes / (1 << 20)).toFixed(0)} MiB`}`);
  };
  const who: readonly { readonly name: string; readonly peer?: Peer }[] = rotate([{ name: ours }, { name: oursDataPath }, ...peers.map((peer) => ({ name: peer.name, peer }))], round);
  const at = (peer: Peer): string => join(out, peer.name);
  let setId = '';

  for (const { name, peer } of who) {
    await warm(corpus.folder);
    if (peer !== undefined) add('full', name, { ...(await measure({ line: peer.full(corpus.folder, at(peer)), env: peer.env, syncFolder: out })), storedBytes: bytesIn(at(peer)) });
    else if (name === ours) {
      const { result, ...cost } = await subject.run(task, out);
      setId = result.setIds[0]!;
      add('full', name, { ...cost, storedBytes: bytesIn(repository) });
    } else {
      const { stdout, ...cost } = await measure({ line: `'${process.execPath}' --disable-warning=ExperimentalWarning '${dataPath}' '${corpus.folder}' '${join(out, 'data-path')}'`, syncFolder: out });
      const told = JSON.parse(stdout) as { seconds: number; cpuSeconds: number };
      add('full', name, { ...told, peakRssBytes: cost.peakRssBytes });
      if (corpus.name !== 'small') rmSync(join(out, 'data-path'), { recursive: true });
    }
  }
  if (corpus.change !== undefined) {
    const changedBytes = corpus.change(round);
    for (const { name, peer } of who) {
      if (name === oursDataPath) continue;
      await warm(corpus.folder);
      const before = bytesIn(peer === undefined ? repository : at(peer));
      if (peer !== undefined) add('1 % change', name, { ...(await measure({ line: peer.increment(corpus.folder, at(peer)), env: peer.env, syncFolder: out })), storedBytes: bytesIn(at(peer)) - before, changedBytes });
      else {
        const { result, ...cost } = await subject.run(task, out);
        setId = result.setIds[0]!;
        add('1 % change', name, { ...cost, storedBytes: bytesIn(repository) - before, changedBytes });
      }
    }
  }
  const restored = (name: string): string => join(out, `${name}-restored`);
  for (const { name, peer } of who) {
    if (name === oursDataPath) continue;
    if (peer !== undefined) {
      add('restore', name, await measure({ line: peer.restore(at(peer), restored(name)), env: peer.env, syncFolder: out }));
      add('one file', name, await measure({ line: peer.oneFile(at(peer), corpus.oneFile, restored(`${name}-one`)), env: peer.env }));
      if (peer.verify !== undefined) add('verify all', name, await measure({ line: peer.verify(at(peer)), env: peer.env }));
    } else {
      add('restore', name, await subject.command(['set', 'extract', setId, 'localtree', '/', '--to', restored(name), '--destination', repository], out));
      await measure({ line: `diff -r '${corpus.folder}' '${restored(name)}'` });
      const requests = await oneFileRequests(repository, setId, corpus.name, `/${corpus.oneFile}`, restored(`${name}-counted`));
      add('one file', name, { ...(await subject.command(['set', 'extract', setId, 'localtree', `/${corpus.oneFile}`, '--to', restored(`${name}-one`), '--destination', repository])), requests });
      add('verify all', name, await subject.command(['set', 'verify', setId, '--level', 'content', '--destination', repository]));
    }
    // Few files are removed at once; deleting many would slow down what creates files next.
    if (corpus.name !== 'small') for (const each of [restored(name), ...(name === 'cp' || name === 'rclone' ? [at(peer!)] : [])]) rmSync(each, { recursive: true, force: true });
  }
}

/** Who begins changes from round to round. */
export function rotate<T>(items: readonly T[], by: number): T[] {
  return [...items.slice(by % items.length), ...items.slice(0, by % items.length)];
}

/** Brings a folder into the page cache. */
export async function warm(folder: string): Promise<void> {
  await measure({ line: `find '${folder}' -type f -print0 | xargs -0 cat > /dev/null` });
}

/** Bytes of all files below a folder. */
export function bytesIn(folder: string): number {
  if (!existsSync(folder)) return 0;
  let sum = 0;
  for (const each of readdirSync(folder, { withFileTypes: true, recursive: true })) if (each.isFile()) sum += lstatSync(join(each.parentPath, each.name)).size;
  return sum;
}

/** How many files there are below a folder. */
export function filesIn(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).filter((each) => each.isFile()).length;
}
