import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createActivities } from '../../activities/createActivities.ts';
import { KeptSessions } from '../../activities/keptSessions.ts';
import type { FramePool } from '../../backupset/framePool.ts';
import { createRepository, openRepository } from '../../backupset/repository.ts';
import type { DataSource } from '../../components/dataSource.ts';
import type { Config } from '../../config/config.ts';
import type { ClusterActivities, ControlActivities } from '../../contracts/activities.ts';
import { drivers } from '../../storage/drivers.ts';
import { localDir } from '../../storage/localDir.ts';
import { MemoryService } from '../components/memorySource.ts';
import { noise } from '../format/sampleSet.ts';
import { createRateLimits } from '../../transfer/rateLimit.ts';

export type Activities = ControlActivities & ClusterActivities;

export const instances = ['one', 'two'] as const;
export const destinations = ['vault', 'second'] as const;
export const clusters = ['prod', 'standby'] as const;

/** The real activities on services in memory and repositories in a folder: what they do is real, and what they leave can be looked at. */
export interface RealWorld extends AsyncDisposable {
  readonly activities: Activities;
  service(cluster: string, instance: string): MemoryService;
  folderOf(destination: string): string;
  open(destination: string): Promise<Awaited<ReturnType<typeof openRepository>>>;
}

/** @param like a world whose state is taken over; what happens in the new one does not change it. */
export async function openRealWorld(pool: FramePool, like?: RealWorld): Promise<RealWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'mrs-backup-step-'));
  const folderOf = (destination: string): string => join(folder, destination);
  const names = clusters.flatMap((cluster) => instances.map((instance) => ({ cluster, instance })));
  const services = new Map<string, MemoryService>(names.map(({ cluster, instance }) => [`${cluster}/${instance}`, like?.service(cluster, instance).clone() ?? newService(cluster, instance)] as const));
  for (const name of destinations) {
    if (like === undefined) await makeRepository(folderOf(name), name);
    else await cp(like.folderOf(name), folderOf(name), { recursive: true });
  }
  const activities = createActivities({
    config: async () => configOf(folder), secrets: () => async () => { throw new Error('there are no secrets here'); },
    sources: [memorySource(services)], drivers, sessions: new KeptSessions(), pool, rates: createRateLimits(), ahead: 2, scratchFolder: join(folder, 'scratch'), held: () => new Map(), version: 'test',
  });
  // Of one instance nobody vouches for what is stored, as it is after a medium that read back wrong: its shards are looked at.
  const copyShard: Activities['copyShard'] = async (copy, shard, limits) => {
    const { isChecked, ...copied } = await activities.copyShard(copy, shard, limits);
    return copy.ref.instance === 'two' ? copied : { ...copied, isChecked: isChecked === true };
  };
  return {
    activities: { ...activities, copyShard }, folderOf,
    service: (cluster, instance) => services.get(`${cluster}/${instance}`)!,
    open: async (name) => await openRepository(await sessionOf(folderOf(name), name), undefined),
    async [Symbol.asyncDispose]() { await rm(folder, { recursive: true, force: true }); },
  };
}

/** A few files, one of them empty; the standby cluster has none. */
function newService(cluster: string, instance: string): MemoryService {
  const service = new MemoryService();
  service.places.original = new Map(cluster === 'standby' ? [] : ['a', 'b/c', 'd', 'empty'].map((key, index) => [key, Buffer.from(noise(`${instance} ${key}`, key === 'empty' ? 0 : 1500 + 2500 * index))]));
  return service;
}

async function makeRepository(path: string, name: string): Promise<void> {
  await mkdir(path);
  await using session = await sessionOf(path, name);
  await createRepository(session);
}

function sessionOf(path: string, name: string) {
  return localDir.open({ type: 'LocalDir', path, allowRootFileSystem: true }, { name, writer: undefined, readSecret: async () => { throw new Error('there are no secrets here'); } });
}

function memorySource(services: ReadonlyMap<string, MemoryService>): DataSource {
  const anything = { parse: (value: unknown) => value } as unknown as DataSource['instance'];
  return {
    name: 'memory', component: 'Memory', kind: 'serviceData', instance: anything, selection: anything, chunking: 'fixed', runsAfter: [], neverWith: {}, incomparableAttributes: [],
    ownsKey: () => true,
    covered: () => 'all',
    connect: async (_instance, { cluster, instance }) => services.get(`${cluster}/${instance}`)!.session(),
  };
}

function configOf(folder: string): Config {
  return {
    file: join(folder, 'mrs-backup.yaml'), folder, engine: { address: undefined, port: undefined, uiPort: undefined, state: folder, namespace: 'default' },
    clusters: Object.fromEntries(clusters.map((name) => [name, { name, services: { Memory: Object.fromEntries(instances.map((instance) => [instance, {}])) } }])),
    destinations: Object.fromEntries(destinations.map((name) => [name, { name, type: 'LocalDir', settings: { type: 'LocalDir', path: join(folder, name), allowRootFileSystem: true }, encryption: undefined }])),
    tasks: {
      nightly: {
        name: 'nightly', cluster: 'prod', sources: instances.map((instance) => ({ cluster: 'prod', source: 'memory', instance, selection: {} })), destinations: [...destinations],
        policy: { incremental: true, fullEvery: null, patienceMs: 3_600_000 }, schedule: undefined, retention: undefined, limits: { bandwidth: null, parallel: 2 }, verify: 'content',
      },
    },
  };
}
