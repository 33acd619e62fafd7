import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createFramePool } from '../backupset/framePool.ts';
import { createRepository } from '../backupset/repository.ts';
import type { CopyTask } from '../contracts/activities.ts';
import { emptyCounts, metered } from '../storage/layers.ts';
import { localDir } from '../storage/localDir.ts';
import { copyShard } from '../transfer/copyShard.ts';
import { planShards } from '../transfer/planShards.ts';
import { localTreeSource } from './localTreeSource.ts';

/** The data path alone, in a process of its own: `dataPath.ts <folder to read> <folder to write> <shards at once>`. From the first byte read to the last byte stored. */
const [root = '', to = '', parallel = '4'] = process.argv.slice(2);
mkdirSync(join(to, 'scratch'), { recursive: true });
const threads = availableParallelism();
const counts = emptyCounts();
await using session = metered(await localDir.open({ type: 'LocalDir', path: join(to, 'repository'), allowRootFileSystem: true }, { name: 'bench', readSecret: async () => '', writer: 'bench' }), counts);
const repository = await createRepository(session);
await using pool = createFramePool({ threads });
await using source = await localTreeSource.connect({ root }, { cluster: 'bench', instance: 'bench', readSecret: async () => '', scratchFolder: join(to, 'scratch'), held: new Map() });
const handle = await source.takeHandle('bench', {});
const ref = { cluster: 'bench', source: 'localtree', instance: 'bench', selection: {} };
const copy: CopyTask = { run: { runId: 'bench', runKey: 'bench' }, task: 'bench', ref, handle, attempt: 1, destinations: [], parent: null };
const destinations = [{ name: 'bench', repository, parent: undefined, bad: new Set<string>() }];
const { signal } = new AbortController();
const common = { source, folder: 'staging/bench', destinations, pool, signal };
const plan = await planShards({ ...common, copy, progress: () => undefined });
// Threads that are started by the first frame are not what is measured.
await Promise.all(Array.from({ length: threads }, () => pool.encode(new Uint8Array(1 << 16), [undefined])));

const begin = performance.now();
const cpuBefore = process.cpuUsage();
let next = 0;
await Promise.all(Array.from({ length: Number(parallel) }, async () => {
  while (next < plan.shards) await copyShard({ ...common, chunking: 'fixed', handle, shard: next++, ahead: threads + 2, took: async () => undefined, readBack: async () => undefined, progress: () => undefined });
}));
const { user, system } = process.cpuUsage(cpuBefore);
process.stdout.write(JSON.stringify({ seconds: (performance.now() - begin) / 1000, cpuSeconds: (user + system) / 1e6, maxRssBytes: process.resourceUsage().maxRSS * 1024, requests: Object.fromEntries(Object.entries(counts).map(([verb, { requests }]) => [verb, requests] as const).filter(([, requests]) => requests > 0)) }));
