import { extractEntries } from '../backupset/extractEntries.ts';
import { createFramePool } from '../backupset/framePool.ts';
import { openRepository } from '../backupset/repository.ts';
import { emptyCounts, metered } from '../storage/layers.ts';
import { localDir } from '../storage/localDir.ts';

/** Requests to the destination that giving back one file costs, by verb. */
export async function oneFileRequests(repositoryFolder: string, setId: string, instance: string, key: string, to: string): Promise<Record<string, number>> {
  const counts = emptyCounts();
  await using session = metered(await localDir.open({ type: 'LocalDir', path: repositoryFolder, allowRootFileSystem: true }, { name: 'bench', readSecret: async () => '' }), counts);
  await using pool = createFramePool({ threads: 1 });
  const repository = await openRepository(session);
  await extractEntries(repository, pool, { setId, source: 'localtree', instance, paths: [key], to });
  return Object.fromEntries(Object.entries(counts).map(([verb, { requests }]) => [verb, requests] as const).filter(([, requests]) => requests > 0));
}
