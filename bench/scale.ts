import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectEngine } from '../client/engine.ts';
import { loadConfig } from '../config/loadConfig.ts';
import { workflowIds } from '../contracts/names.ts';
import type { BenchOptions } from './benchOptions.ts';
import { benchCatalogue } from './catalogue.ts';
import { rssOf } from './measure.ts';
import { bytesIn, ours } from './pipeline.ts';
import type { Subject } from './subject.ts';

const changes = 1000;
const fileBytes = 64;

export interface ScaleOptions extends Omit<BenchOptions, 'peers' | 'runs'> {
  readonly entries: number;
}

/** What grows with the number of entries, and what must not: memory of the worker, history, the cost of an increment. */
export async function scale(options: ScaleOptions): Promise<void> {
  for (const entries of [Math.ceil(options.entries / 10), options.entries]) await measureEntries(options, entries);
}

async function measureEntries({ folder, subject, samples, say }: ScaleOptions, entries: number): Promise<void> {
  const name = `entries-${entries}`;
  const generationFile = join(folder, `${name}.generation`);
  const repository = join(folder, 'out', name);
  writeFileSync(generationFile, '0');
  subject.addTask(name, { component: 'Synthetic', source: 'synthetic', instance: name, block: { entries, generationFile, changes, fileBytes } }, repository);
  for (const step of ['full', `${changes} changes, spread evenly`, `${changes} changes side by side`]) {
    const before = bytesIn(repository);
    const rss = watchRss(subject.workerPid);
    const { result, ...cost } = await subject.run(name, join(folder, 'out'));
    const seen = await rss.stop();
    const events = await historyEvents(subject, result.runId, name);
    samples.add('scale', `${entries.toLocaleString('en')} entries`, step, ours, {
      ...cost, peakRssBytes: Math.max(...seen), storedBytes: bytesIn(repository) - before,
      notes: [`${Math.round(result.sources[0]!.entries / cost.commandSeconds).toLocaleString('en')} entries/s`, `worker RSS by quarters ${quarters(seen).map((each) => (each / (1 << 20)).toFixed(0)).join(', ')} MiB`, `history ${events.join(' + ')} events`],
    });
    say(`${name} ${step.padEnd(28)} ${cost.seconds.toFixed(1)} s, worker at most ${(Math.max(...seen) / (1 << 20)).toFixed(0)} MiB, ${events.join(' + ')} events`);
    writeFileSync(generationFile, String(Number(readFileSync(generationFile, 'utf8')) + 1));
  }
}

function watchRss(pid: number): { stop(): Promise<number[]> } {
  const seen: number[] = [];
  let watching = true;
  const done = (async () => {
    for (; watching; await sleep(200)) seen.push(rssOf(pid));
  })();
  return {
    async stop() {
      watching = false;
      await done;
      return seen;
    },
  };
}

/** Largest value in each quarter of the time. */
function quarters(seen: readonly number[]): number[] {
  return [0, 1, 2, 3].map((quarter) => Math.max(...seen.slice(Math.floor((seen.length * quarter) / 4), Math.max(1, Math.floor((seen.length * (quarter + 1)) / 4))), 0));
}

/** Events of the run and of its copy; of a copy that continued as new, of the last stretch. */
async function historyEvents(subject: Subject, runId: string, instance: string): Promise<number[]> {
  await using engine = await connectEngine(await loadConfig({ env: subject.env }, benchCatalogue), subject.env);
  const events: number[] = [];
  for (const id of [runId, workflowIds.copySource('bench', 'synthetic', instance)]) events.push((await engine.call(() => engine.client.workflow.getHandle(id).describe())).historyLength);
  return events;
}
