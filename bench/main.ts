import { mkdirSync, readdirSync, renameSync, rmSync, existsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { productVersion } from '../worker/productVersion.ts';
import { cluster, hasDistCpIn } from './cluster.ts';
import { givenCorpus, largeCorpus, scales, smallCorpus, type Corpus } from './corpora.ts';
import { destinations } from './destinations.ts';
import { limits } from './limits.ts';
import { measuredDestinations } from './measuredDestinations.ts';
import { allPeers } from './peers.ts';
import { pipeline } from './pipeline.ts';
import { markdown } from './report.ts';
import { scale as measureScale } from './scale.ts';
import { Samples } from './samples.ts';
import { Subject } from './subject.ts';

/** `npm run bench`: mrs-backup beside what a user would do instead, on the same data, in one run. */
const usage = `npm run bench -- [options]
  --only pipeline|cluster|destinations|scale   one part; repeatable (default: all)
  --corpus large|small|FOLDER     repeatable (default: large and small)
  --peers a,b                     of tar+zstd, restic, borg, rclone, cp; none for no peers (default: all); not of destinations
  --destinations a,b              of SFTP, NFS, CIFS, OBS (default: all)
  --runs N                        samples of each (default 3)
  --scale standard|small          small: a quick trial
  --entries N                     entries of the part scale (default 1000000)
  --state FOLDER                  where corpora and results go (default .bench)
  --output markdown|json
`;
const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({ options: {
  only: { type: 'string', multiple: true }, corpus: { type: 'string', multiple: true }, peers: { type: 'string' }, destinations: { type: 'string' }, runs: { type: 'string', default: '3' }, scale: { type: 'string', default: 'standard' },
  entries: { type: 'string', default: '1000000' }, state: { type: 'string', default: join(root, '.bench') }, output: { type: 'string', default: 'markdown' }, help: { type: 'boolean', default: false },
} });
const scale = scales[values.scale as 'standard' | 'small'];
const everyPart = ['pipeline', 'cluster', 'destinations', 'scale'];
const parts = values.only ?? everyPart;
if (values.help || scale === undefined || parts.some((each) => !everyPart.includes(each)) || !['markdown', 'json'].includes(values.output)) {
  process.stderr.write(usage);
  process.exit(values.help ? 0 : 2);
}
const state = resolve(values.state);
const toolsFolder = resolve(process.env['MRS_BACKUP_TOOLS'] ?? join(root, '.tools'));
const say = (line: string): void => void process.stderr.write(`${line}\n`);
mkdirSync(state, { recursive: true });
// Removing many files slows down what creates files next: what an earlier run left is moved aside and removed at the end.
for (const name of ['out', 'subject']) if (existsSync(join(state, name))) renameSync(join(state, name), join(state, `old-${name}-${Date.now()}`));

mkdirSync(join(state, 'out'), { recursive: true });

const wanted = values.peers === undefined ? undefined : values.peers.split(',').filter((each) => each !== 'none' && each !== '');
const peers = allPeers(toolsFolder).filter((each) => wanted === undefined || wanted.includes(each.name));
const unknown = (wanted ?? []).filter((name) => !peers.some((peer) => peer.name === name));
if (unknown.length > 0) {
  process.stderr.write(`there is no peer ${unknown.join(', ')}\n${usage}`);
  process.exit(2);
}
const chosen = values.destinations?.split(',');
const strange = (chosen ?? []).filter((type) => !measuredDestinations.some((each) => each.type === type));
if (strange.length > 0) {
  process.stderr.write(`no destination ${strange.join(', ')} is measured\n${usage}`);
  process.exit(2);
}
const usesPeers = parts.includes('pipeline') || parts.includes('cluster');
const missing: { readonly name: string; readonly missing?: string }[] = usesPeers ? peers.filter((each) => each.missing !== undefined) : [];
if (parts.includes('cluster') && !hasDistCpIn(toolsFolder)) missing.push({ name: 'DistCp', missing: 'set-up could not bring it (mvn)' });
for (const each of missing) say(`MISSING: ${each.name} is not measured: ${each.missing}`);

const begunMs = Date.now();
const loadBefore = loadavg();
const samples = new Samples();
const common = { folder: state, peers: peers.filter((each) => each.missing === undefined), runs: Number(values.runs), samples, say };
limits(state, samples);
const corporaOf = (): readonly Corpus[] => (values.corpus ?? ['large', 'small']).map((name) => (name === 'large' || name === 'small' ? (name === 'large' ? largeCorpus : smallCorpus)(join(state, 'corpora', values.scale, name), scale) : givenCorpus(resolve(name))));
if (parts.includes('pipeline')) await withSubject((subject) => pipeline({ ...common, corpora: corporaOf(), subject }));

if (parts.includes('cluster')) await withSubject((subject) => cluster({ ...common, toolsFolder, scale: values.scale as 'standard' | 'small', subject }));
if (parts.includes('destinations')) await withSubject((subject) => destinations({ ...common, toolsFolder, corpora: corporaOf(), destinations: measuredDestinations.filter(({ type }) => chosen?.includes(type) ?? true), subject }));
if (parts.includes('scale')) await withSubject((subject) => measureScale({ ...common, entries: Number(values.entries), subject }));

const about = [
  `mrs-backup ${productVersion}, Node ${process.version}, ${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${new Date(begunMs).toISOString()}, ${Math.round((Date.now() - begunMs) / 1000)} s in all`,
  `load of the machine (1, 5, 15 min): before ${loadBefore.map((each) => each.toFixed(1)).join(', ')}, after ${loadavg().map((each) => each.toFixed(1)).join(', ')}`,
  `medians of ${values.runs}; seconds with the sync of what was written; warm page cache; ${(usesPeers ? common.peers : []).map((each) => `${each.name} ${each.version}${each.encrypted ? ' (encrypts)' : ''}`).join(', ')}`,
  ...missing.map((each) => `**not measured: ${each.name}** (${each.missing})`),
];
process.stdout.write(values.output === 'json' ? `${JSON.stringify({ about, rows: samples.rows }, undefined, 1)}\n` : `${markdown(samples, about)}\n`);
say('removing what was written');
for (const name of readdirSync(state)) if (name === 'out' || name.startsWith('old-')) rmSync(join(state, name), { recursive: true, force: true });
process.exit(0);

/** With the engine and the worker up, as a user has them. */
async function withSubject(work: (subject: Subject) => Promise<void>): Promise<void> {
  const subject = new Subject(join(state, 'subject', String(Date.now())));
  subject.addTask('first', { component: 'LocalTree', source: 'localtree', instance: 'first', block: { root: state } }, join(state, 'out', 'first'));
  await subject.up();
  try {
    await work(subject);
  } finally {
    await subject.down();
  }
}
