import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServerPlace } from '../lab/labServer.ts';
import type { BenchOptions } from './benchOptions.ts';
import type { Corpus } from './corpora.ts';
import { labFor } from './labFor.ts';
import { measure, type Cost } from './measure.ts';
import type { MeasuredDestination } from './measuredDestinations.ts';
import { quote } from './peers.ts';
import { bytesIn, filesIn, ours, rotate, warm } from './pipeline.ts';
import type { ServedPeer } from './servedPeer.ts';

const driverAlone = fileURLToPath(new URL('driverAlone.ts', import.meta.url));
const oursAlone = 'mrs-backup, driver alone';

export interface DestinationsOptions extends BenchOptions {
  readonly toolsFolder: string;
  readonly corpora: readonly Corpus[];
  readonly destinations: readonly MeasuredDestination[];
}

/** The same folders to the same server and back: us (the whole run, and the driver alone) beside what a user would do instead. */
export async function destinations(options: DestinationsOptions): Promise<void> {
  const servers = options.destinations.map(({ server }) => server);
  await using opened = await labFor({ stateFolder: join(options.folder, 'out', 'lab'), toolsFolder: options.toolsFolder, onProgress: options.say }, servers);
  const { lab } = opened;
  for (const destination of options.destinations) {
    const peers = destination.peers(options.toolsFolder, lab.place(destination.server));
    for (const { name, missing } of peers) if (missing !== undefined) options.say(`MISSING: ${name} is not measured with ${destination.type}: ${missing}`);
    for (const corpus of options.corpora) {
      for (let round = 0; round < options.runs; round++) await oneRound(options, destination, lab.place(destination.server), corpus, round);
    }
  }
}

/** Somebody who brings a folder to the server and back. */
interface Party {
  readonly name: string;
  store(): Promise<Cost & { readonly requests?: Readonly<Record<string, number>> }>;
  fetch(to: string): Promise<Cost & { readonly requests?: Readonly<Record<string, number>> }>;
}

async function oneRound({ folder, toolsFolder, runs, subject, samples, say }: DestinationsOptions, destination: MeasuredDestination, place: ServerPlace, corpus: Corpus, round: number): Promise<void> {
  const { type } = destination;
  const task = `${type}-${corpus.name}-${round}`;
  const out = join(folder, 'out', 'fetched');
  mkdirSync(out, { recursive: true });
  const [bytes, files] = [bytesIn(corpus.folder), filesIn(corpus.folder)];
  subject.addTask(task, { component: 'LocalTree', source: 'localtree', instance: corpus.name, block: { root: corpus.folder } }, destination.block(place, task));
  let setId = '';
  const whole: Party = {
    name: ours,
    async store() {
      const { result, ...cost } = await subject.run(task, folder);
      setId = result.setIds[0]!;
      return cost;
    },
    fetch: async (to) => await subject.command(['set', 'extract', setId, 'localtree', '/', '--to', to, '--destination', task], folder),
  };
  const digests = join(folder, 'out', `digests-${corpus.name}.json`);
  const alone = (verb: string, at: string): string => `${quote(process.execPath)} --disable-warning=ExperimentalWarning ${quote(driverAlone)} ${verb} ${quote(at)} ${quote(JSON.stringify(destination.block(place, `${task}-alone`)))} ${quote(digests)}`;
  // As the product's commands start.
  const compiled = { NODE_COMPILE_CACHE: join(toolsFolder, 'compile-cache') };
  const counted = async (line: string, env: NodeJS.ProcessEnv = {}): Promise<Cost & { readonly requests?: Readonly<Record<string, number>> }> => {
    const { stdout, ...cost } = await measure({ line, env, syncFolder: folder });
    const requests = /\{"requests":(\d+)\}\s*$/.exec(stdout)?.[1];
    return { ...cost, ...(requests === undefined || requests === '0' ? {} : { requests: { http: Number(requests) } }) };
  };
  const partyOf = (peer: ServedPeer): Party => ({ name: peer.name, store: () => counted(peer.store(corpus.folder, `${task}-${peer.name.replaceAll(' ', '-')}`), peer.env), fetch: (to) => counted(peer.fetch(`${task}-${peer.name.replaceAll(' ', '-')}`, to), peer.env) });
  const parties: readonly Party[] = rotate([whole, { name: oursAlone, store: () => counted(alone('put', corpus.folder), compiled), fetch: (to) => counted(alone('get', to), compiled) }, ...destination.peers(toolsFolder, place).filter(({ missing, corpora }) => missing === undefined && (corpora?.includes(corpus.name) ?? true)).map(partyOf)], round);
  const add = (step: string, who: string, { requests, ...cost }: Awaited<ReturnType<Party['store']>>): void => {
    const rate = corpus.name === 'small' ? `${(files / cost.seconds).toFixed(0)} files/s` : `${(bytes / (1 << 20) / cost.seconds).toFixed(0)} MiB/s`;
    const share = corpus.name === 'small' ? { of: files / 10_000, per: '10,000 files' } : { of: bytes / (1 << 30), per: 'GiB' };
    const perShare = requests === undefined ? [] : [`per ${share.per}: ${Object.entries(requests).map(([verb, count]) => `${(count / share.of).toFixed(0)} ${verb}`).join(', ')}`];
    samples.add('destinations', `${type}, ${corpus.name}`, step, who, { ...cost, notes: [rate, `${(cost.cpuSeconds / (bytes / (1 << 30))).toFixed(1)} CPU s/GiB`, ...perShare] });
    say(`${type} ${corpus.name} ${round + 1}/${runs} ${step.padEnd(6)} ${who.padEnd(26)} ${cost.seconds.toFixed(2)} s, ${rate}`);
  };
  await measure({ line: alone('digest', corpus.folder), env: compiled });
  for (const party of parties) {
    await warm(corpus.folder);
    add('store', party.name, await party.store());
  }
  for (const party of parties) {
    const to = join(out, `${task}-${party.name.replaceAll(/[ ,]+/g, '-')}`);
    add('fetch', party.name, await party.fetch(to));
    await measure({ line: `diff -r ${quote(corpus.folder)} ${quote(to)}` });
    if (corpus.name !== 'small') rmSync(to, { recursive: true });
  }
}
