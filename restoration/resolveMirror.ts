import { Failure } from '../contracts/failure.ts';
import type { MirrorRequest, RestoreRequest } from '../contracts/restoration.ts';
import { listSets } from '../backupset/listSets.ts';
import { readManifest } from '../backupset/readManifest.ts';
import { readDescription } from '../backupset/sourceDescription.ts';
import type { Repository } from '../backupset/repository.ts';
import type { DataSource, SetContent } from '../components/dataSource.ts';

type Open = (destination: string) => Promise<AsyncDisposable & { readonly repository: Repository }>;

/** A source instance in the newest set of a task. */
interface Newest {
  readonly name: string;
  readonly task: string;
  readonly destination: string;
  readonly setId: string;
}

/**
 * What a whole cluster is restored from: for every source instance the newest sealed set of each task at or before the asked time, over all destinations
 * that answer. A destination that went down with the cluster is passed over as long as another holds something. Of tasks that overlap the newer set
 * counts where it holds everything of the older one.
 * @throws Failure E_SET_NOT_FOUND; E_USAGE when two tasks overlap in part, so that an operator must choose
 */
export async function resolveMirror(request: MirrorRequest, sources: readonly DataSource[], destinations: readonly string[], open: Open): Promise<Pick<RestoreRequest, 'sets' | 'mapping'>> {
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
    const asked = `${request.tasks.length === 0 ? '' : ` by task ${request.tasks.join(', ')}`}${request.at === 'latest' ? '' : ` at or before ${request.at}`}`;
    throw new Failure('E_SET_NOT_FOUND', `no destination has a sealed set of cluster ${request.from}${asked}${because === '' ? '' : ` (${because})`}`, { cause: unreachable[0] });
  }
  const sets = new Map<string, { destination: string; setId: string; sources: string[] }>();
  for (const { name, destination, setId } of await withoutCovered([...newest.values()], sources, open)) {
    const key = `${destination}/${setId}`;
    const entry = sets.get(key) ?? { destination, setId, sources: [] };
    entry.sources.push(name);
    sets.set(key, entry);
  }
  return { sets: [...sets.values()], mapping: request.mapping };
}

async function gather(repository: Repository, destination: string, request: MirrorRequest, newest: Map<string, Newest>): Promise<void> {
  for await (const set of listSets(repository)) {
    if (set.cluster !== request.from || set.state === 'begun' || set.state === 'damaged') continue;
    if (request.tasks.length > 0 && !request.tasks.includes(set.task)) continue;
    if (request.at !== 'latest' && Date.parse(set.recoveryPoint) > Date.parse(request.at)) continue;
    for (const { source, instance } of (await readManifest(repository, set.setId)).sources) {
      const key = JSON.stringify([source, instance, set.task]);
      const known = newest.get(key);
      // By their ids, which are in order also where a clock was set back.
      if (known === undefined || known.setId < set.setId) newest.set(key, { name: `${source}@${instance}`, task: set.task, destination, setId: set.setId });
    }
  }
}

/** Newest first, without those whose place a newer one of another task takes. */
async function withoutCovered(found: readonly Newest[], sources: readonly DataSource[], open: Open): Promise<readonly Newest[]> {
  const kept: { readonly from: Newest; readonly content: SetContent | undefined }[] = [];
  for (const from of [...found].sort((a, b) => (a.setId < b.setId ? 1 : -1))) {
    const others = kept.filter((each) => each.from.name === from.name);
    // Only where there is something to compare with.
    const several = found.filter((each) => each.name === from.name).length > 1;
    const content = several ? await contentOf(from, open) : undefined;
    const source = sources.find((each) => from.name.startsWith(`${each.name}@`));
    const covers = others.map((other) => ({ other, how: source?.covered(other.content!, content!) ?? 'none' }));
    if (covers.some(({ how }) => how === 'all')) continue;
    const part = covers.find(({ how }) => how === 'some');
    if (part !== undefined) {
      throw new Failure('E_USAGE', `the tasks ${part.other.from.task} and ${from.task} both hold a part of ${from.name}, and neither all of it`, { hint: 'choose with --task; restore the other one with mrs-backup restoration plan' });
    }
    kept.push({ from, content });
  }
  return kept.map((each) => each.from);
}

async function contentOf(from: Newest, open: Open): Promise<SetContent> {
  await using opened = await open(from.destination);
  const manifest = await readManifest(opened.repository, from.setId);
  const part = manifest.sources.find((each) => `${each.source}@${each.instance}` === from.name)!;
  const { selection, inventory } = await readDescription(opened.repository, manifest, part);
  return { selection, inventory };
}
