import { parseSetKey, taskFolder, type SetRef } from './layout.ts';
import type { Repository } from './repository.ts';

/** Sets of a task that one run began and did not seal. More than one when the run was reset and took its point in time at another second. */
export async function unsealedSets(repository: Repository, task: Omit<SetRef, 'setId'>, runKey: string, signal?: AbortSignal): Promise<SetRef[]> {
  const begun = new Map<string, SetRef>();
  const sealed = new Set<string>();
  for await (const { key } of repository.session.list(`${taskFolder(task.cluster, task.task)}/`, signal)) {
    const parsed = parseSetKey(key);
    if (parsed === undefined || !parsed.set.setId.endsWith(`-${runKey}`)) continue;
    begun.set(parsed.set.setId, parsed.set);
    if (parsed.name === 'manifest.json') sealed.add(parsed.set.setId);
  }
  return [...begun.values()].filter((each) => !sealed.has(each.setId));
}
