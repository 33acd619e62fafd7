import { begunKey, readBegun } from '../../backupset/beginSet.ts';
import { decodeSegment, manifestKey, parseSetKey, setFolder, type SetRef } from '../../backupset/layout.ts';
import { removeTree } from '../../storage/removeTree.ts';
import type { Repository } from '../../backupset/repository.ts';
import type { Config } from '../../config/config.ts';
import { Failure } from '../../contracts/failure.ts';
import { openSession } from '../openRepositoryAt.ts';
import type { Candidate } from './leftover.ts';

/** A temporary object this old is nobody's any more, whoever began it. */
const abandonedMs = 7 * 24 * 3600 * 1000;

interface Sum {
  objects: number;
  bytes: number;
}

/** What runs left at a destination, dead or alive. Of clusters that the configuration does not know nothing is touched: others may write there. */
export async function destinationLeftovers(config: Config, destination: string, repository: Repository): Promise<Candidate[]> {
  const { session } = repository;
  const sets = await unsealedSets(repository);
  const isOurs = ({ set }: { readonly set: SetRef }) => config.clusters[set.cluster] !== undefined;
  const foreign = new Set(sets.filter((each) => !isOurs(each)).map((each) => each.runKey));
  const candidates: Candidate[] = [];
  for (const { set, runKey, objects, bytes } of sets.filter(isOurs)) {
    const begun = await readBegun(repository, set).catch(() => undefined);
    candidates.push({
      leftover: { kind: 'set', where: destination, name: set.setId, objects, bytes }, runKey, runId: begun?.runId,
      async remove(signal) {
        if ((await session.stat(manifestKey(set), signal)) !== undefined) throw new Failure('E_BUSY', `the set ${set.setId} was sealed meanwhile`, { hint: 'it is a set like any other' });
        await removeTree(session, `${setFolder(set)}/`, signal);
      },
    });
  }
  for (const [runKey, { objects, bytes }] of await stagingOf(repository)) {
    if (foreign.has(runKey)) continue;
    candidates.push({ leftover: { kind: 'staging', where: destination, name: `staging/${runKey}`, objects, bytes }, runKey, runId: undefined, remove: async (signal) => void (await removeTree(session, `staging/${runKey}/`, signal)) });
  }
  for await (const { key, length, writer, begunAt } of session.unfinished()) {
    const isRuns = writer !== undefined && /^[0-9a-f]{8}$/.test(writer) && !foreign.has(writer);
    const isAbandoned = begunAt === undefined || Date.now() - begunAt.getTime() > abandonedMs;
    if (!isRuns && !isAbandoned) continue;
    candidates.push({
      leftover: { kind: 'temporary', where: destination, name: key, objects: 1, bytes: length }, runKey: isRuns ? writer : undefined, runId: undefined,
      // A session of the dead writer's may remove all of its own, and what is too old for anybody's.
      async remove(signal) {
        await using own = await openSession(config, destination, isRuns ? writer : undefined);
        while ((await own.sweep(abandonedMs, signal)).length >= 1000);
      },
    });
  }
  return candidates;
}

/** Folders of sets that have no manifest, oldest first. */
async function unsealedSets(repository: Repository): Promise<(Sum & { readonly set: SetRef; readonly runKey: string })[]> {
  const found = new Map<string, Sum & { readonly set: SetRef; sealed: boolean }>();
  for await (const { key, length } of repository.session.list('sets/')) {
    const parsed = parseSetKey(key);
    if (parsed === undefined) continue;
    const folder = begunKey(parsed.set);
    const entry = found.get(folder) ?? { set: parsed.set, sealed: false, objects: 0, bytes: 0 };
    entry.objects += 1;
    entry.bytes += length;
    if (parsed.name === 'manifest.json') entry.sealed = true;
    found.set(folder, entry);
  }
  return [...found.values()].flatMap(({ sealed, ...rest }) => {
    const runKey = /-([0-9a-f]{8})$/.exec(rest.set.setId)?.[1];
    return sealed || runKey === undefined ? [] : [{ ...rest, runKey }];
  });
}

async function stagingOf(repository: Repository): Promise<ReadonlyMap<string, Sum>> {
  const sums = new Map<string, Sum>();
  for await (const { key, length } of repository.session.list('staging/')) {
    const runKey = decodeSegment(key.split('/')[1] ?? '');
    const sum = sums.get(runKey) ?? { objects: 0, bytes: 0 };
    sum.objects += 1;
    sum.bytes += length;
    sums.set(runKey, sum);
  }
  return sums;
}
