import { Failure } from '../contracts/failure.ts';
import type { MirrorRequest, RestoreRequest } from '../contracts/restoration.ts';
import { listSets } from '../backupset/listSets.ts';
import { readManifest } from '../backupset/readManifest.ts';
import type { Repository } from '../backupset/repository.ts';

type Opened = AsyncDisposable & { readonly repository: Repository };
interface Newest {
  readonly destination: string;
  readonly setId: string;
  readonly recoveryPoint: string;
}

/**
 * The newest sealed set at or before the asked time for every source instance of the cluster, over all destinations that answer.
 * A destination that went down with the cluster is passed over as long as another holds something.
 * @throws Failure E_SET_NOT_FOUND
 */
export async function resolveMirror(request: MirrorRequest, destinations: readonly string[], open: (name: string) => Promise<Opened>): Promise<Pick<RestoreRequest, 'sets' | 'mapping'>> {
  const newest = new Map<string, Newest>();
  const unreachable: Failure[] = [];
  for (const destination of destinations) {
    try {
      await using opened = await open(destination);
      await gather(opened.repository, destination, request, newest);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      unreachable.push(error);
    }
  }
  if (newest.size === 0) {
    const because = unreachable.map((each) => each.message).join('; ');
    throw new Failure('E_SET_NOT_FOUND', `no destination has a sealed set of cluster ${request.from}${request.at === 'latest' ? '' : ` at or before ${request.at}`}${because === '' ? '' : ` (${because})`}`, { cause: unreachable[0] });
  }
  const sets = new Map<string, { destination: string; setId: string; sources: string[] }>();
  for (const [source, { destination, setId }] of newest) {
    const key = `${destination}/${setId}`;
    const entry = sets.get(key) ?? { destination, setId, sources: [] };
    entry.sources.push(source);
    sets.set(key, entry);
  }
  return { sets: [...sets.values()], mapping: request.mapping };
}

async function gather(repository: Repository, destination: string, request: MirrorRequest, newest: Map<string, Newest>): Promise<void> {
  for await (const set of listSets(repository)) {
    if (set.cluster !== request.from || set.state === 'begun' || set.state === 'damaged') continue;
    if (request.at !== 'latest' && Date.parse(set.recoveryPoint) > Date.parse(request.at)) continue;
    for (const { source, instance } of (await readManifest(repository, set.setId)).sources) {
      const key = `${source}@${instance}`;
      const known = newest.get(key);
      if (known === undefined || known.recoveryPoint < set.recoveryPoint) newest.set(key, { destination, setId: set.setId, recoveryPoint: set.recoveryPoint });
    }
  }
}
