import { parseSetKey, taskFolder } from './layout.ts';
import type { Repository } from './repository.ts';

/** Where the newest set of a task stands in time by its id (`20261124T120000Z`), sealed or not; `undefined` when there is none. The next one's id must sort after it. */
export async function newestSetStamp(repository: Repository, cluster: string, task: string): Promise<string | undefined> {
  let newest: string | undefined;
  for await (const { key } of repository.session.list(`${taskFolder(cluster, task)}/`)) {
    const stamp = /^\d{8}T\d{6}Z/.exec(parseSetKey(key)?.set.setId ?? '')?.[0];
    if (stamp !== undefined && (newest === undefined || stamp > newest)) newest = stamp;
  }
  return newest;
}
