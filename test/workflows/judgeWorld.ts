import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extractEntries } from '../../backupset/extractEntries.ts';
import type { FramePool } from '../../backupset/framePool.ts';
import { latestSet } from '../../backupset/latestSet.ts';
import { listSets } from '../../backupset/listSets.ts';
import { readDescription } from '../../backupset/sourceDescription.ts';
import { clusters, destinations, instances, type RealWorld } from './realActivities.ts';

/** Names and bytes of a tree, comparable. */
export type Picture = Readonly<Record<string, string>>;

export function pictureOf(tree: ReadonlyMap<string, Buffer>): Picture {
  return Object.fromEntries([...tree].map(([key, bytes]) => [key, bytes.toString('hex')]).sort());
}

/** What a run left that nobody will ask for again: staging, temporary objects, sets that were begun, handles that no set needs, restorations half way. */
export async function leftIn(world: RealWorld): Promise<string[]> {
  const left: string[] = [];
  for (const name of destinations) {
    const keys = await readdir(world.folderOf(name), { recursive: true });
    left.push(...keys.filter((key) => /^(staging|\.tmp)\/./.test(key)).map((key) => `${name}: ${key}`));
    const repository = await world.open(name);
    await using _ = repository.session;
    for await (const set of listSets(repository, { begun: true })) if (set.state === 'begun') left.push(`${name}: unsealed set ${set.setId}`);
  }
  const needed = await neededHandles(world);
  for (const cluster of clusters) {
    for (const instance of instances) {
      const service = world.service(cluster, instance);
      left.push(...[...service.handles.keys()].filter((handle) => !needed.has(`${cluster}/${instance}/${handle}`)).map((handle) => `${cluster}/${instance}: handle ${handle}`));
      left.push(...[...service.staged.keys()].map((target) => `${cluster}/${instance}: restoration ${target}`));
    }
  }
  return left;
}

/** The sealed sets of a destination, with the instances each holds. */
export async function setsIn(world: RealWorld, destination: string): Promise<{ readonly setId: string; readonly instances: readonly string[] }[]> {
  const repository = await world.open(destination);
  await using _ = repository.session;
  const sets = [];
  for await (const set of listSets(repository)) sets.push({ setId: set.setId, instances: set.sources.map((each) => each.split('@')[1]!) });
  return sets;
}

/** Handles that the next increment starts from and that are not there. It starts from the newest set where that is the same at all destinations. */
export async function lostHandles(world: RealWorld): Promise<string[]> {
  const there = new Set(instances.flatMap((instance) => [...world.service('prod', instance).handles.keys()].map((handle) => `prod/${instance}/${handle}`)));
  const needed = await neededHandles(world);
  return [...needed].filter(([each, at]) => at === destinations.length && !there.has(each)).map(([each]) => each);
}

/** Handles of the newest sets, and at how many destinations they are that. */
async function neededHandles(world: RealWorld): Promise<Map<string, number>> {
  const needed = new Map<string, number>();
  for (const name of destinations) {
    const repository = await world.open(name);
    await using _ = repository.session;
    for (const instance of instances) {
      const manifest = await latestSet(repository, 'prod', 'nightly', 'memory', instance);
      const part = manifest?.sources.find((each) => each.instance === instance);
      if (manifest === undefined || part === undefined) continue;
      const handle = `prod/${instance}/${(await readDescription(repository, manifest, part)).handle.name}`;
      needed.set(handle, (needed.get(handle) ?? 0) + 1);
    }
  }
  return needed;
}

/** What a set gives back for an instance, without any service; its digests are checked on the way. */
export async function extracted(world: RealWorld, pool: FramePool, destination: string, setId: string, instance: string): Promise<Picture> {
  const to = await mkdtemp(join(tmpdir(), 'mrs-backup-step-out-'));
  const repository = await world.open(destination);
  await using _ = repository.session;
  try {
    await extractEntries(repository, pool, { setId, source: 'memory', instance, paths: [], to });
    const files = (await readdir(to, { recursive: true, withFileTypes: true })).filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
    return Object.fromEntries((await Promise.all(files.map(async (path) => [path.slice(to.length + 1), (await readFile(path)).toString('hex')] as const))).sort());
  } finally {
    await rm(to, { recursive: true, force: true });
  }
}
