import { Failure } from '../contracts/failure.ts';
import { parseSetKey, taskFolder, type SetRef } from './layout.ts';
import { readManifestOf, type Manifest } from './readManifest.ts';
import type { Repository } from './repository.ts';

/**
 * Manifest of the newest sealed set of a task that has this source instance; `undefined` when there is none. A set with a damaged manifest is passed over.
 * @param before only sets whose id sorts before this one
 */
export async function latestSet(repository: Repository, cluster: string, task: string, source: string, instance: string, before?: string): Promise<Manifest | undefined> {
  const sets: SetRef[] = [];
  for await (const { key } of repository.session.list(`${taskFolder(cluster, task)}/`)) {
    const parsed = parseSetKey(key);
    if (parsed?.name === 'manifest.json' && (before === undefined || parsed.set.setId < before)) sets.push(parsed.set);
  }
  sets.sort((a, b) => (a.setId < b.setId ? 1 : -1));
  for (const set of sets) {
    try {
      const manifest = await readManifestOf(repository, set);
      if (manifest.sources.some((each) => each.source === source && each.instance === instance)) return manifest;
    } catch (error) {
      if (!(error instanceof Failure && error.code === 'E_CORRUPT')) throw error;
    }
  }
  return undefined;
}
