import type { CopyPlan, CopyTask, SourceSeal } from '../contracts/activities.ts';
import type { DestinationRef } from '../contracts/run.ts';
import type { FramePool } from '../backupset/framePool.ts';
import { gapLines } from '../backupset/gapLines.ts';
import { writeSourceDescription } from '../backupset/sourceDescription.ts';
import { writeIndex } from '../backupset/writeIndex.ts';
import type { SourceSession } from '../components/dataSource.ts';
import { ReadBackPacks } from './readBackPacks.ts';
import { copiedEntries, removedKeys } from './shardEntries.ts';
import type { OpenDestination } from './openDestination.ts';

export interface IndexContext {
  readonly source: SourceSession;
  readonly copy: CopyTask;
  readonly plan: CopyPlan;
  readonly folder: string;
  readonly destination: OpenDestination;
  readonly ref: DestinationRef;
  readonly pool: FramePool;
  readonly signal: AbortSignal;
  readonly progress: (entries: number) => void;
}

const mostInHistory = 20;
const longestInHistory = 500;

/** Merges what was copied into the parent's index, and writes down what the source says about itself. */
export async function buildIndex(context: IndexContext): Promise<SourceSeal> {
  const { copy, plan, folder, destination, pool, signal } = context;
  // A full listing stands alone; the parent then only served to find content that is stored already.
  const incremental = plan.kind === 'incremental';
  const description = await context.source.describe(copy.handle, copy.ref.selection);
  const stored = { packs: 0, bytes: 0 };
  // Every shard was checked: what its receipts name was read back.
  const readBack = new ReadBackPacks(destination.repository, pool, copy.run.runKey, copy.ref.source, copy.ref.instance, signal);
  const onPack = async (pack: { readonly digest: string; readonly length: number }): Promise<void> => {
    stored.packs += 1;
    stored.bytes += pack.length;
    await readBack.add(pack);
  };
  const index = await writeIndex(destination.repository, pool, {
    ...(incremental && destination.parent !== undefined ? { parent: destination.parent.table } : {}),
    removed: incremental ? removedKeys(destination, pool, folder, plan.shards, signal) : [],
    puts: counted(copiedEntries(destination, pool, folder, plan.shards, signal, onPack), context.progress),
    bad: destination.bad,
    signal,
  });
  await readBack.finish();
  const gaps = index.gaps === 0 ? [] : await gapLines(destination.repository, pool, index.table, [], signal);
  const written = await writeSourceDescription(destination.repository, { cluster: copy.ref.cluster, task: copy.task, setId: context.ref.setId }, copy.ref.source, copy.ref.instance, {
    ...description, warnings: [...gaps, ...description.warnings], handle: copy.handle, selection: copy.ref.selection, incrementsSinceFull: plan.kind === 'full' ? 0 : (copy.parent?.incrementsSinceFull ?? 0) + 1,
  });
  return {
    source: copy.ref.source, instance: copy.ref.instance, kind: plan.kind, ...(plan.fellBack === undefined ? {} : { fellBack: plan.fellBack }),
    recoveryPoint: copy.handle.takenAt, parentSetId: copy.parent?.setId ?? null,
    table: index.table, root: index.root, entries: index.entries, files: index.files, directories: index.directories, symlinks: index.symlinks, gaps: index.gaps, bytes: index.bytes,
    storedBytes: stored.bytes, packsNew: stored.packs, description: written, warnings: [...forHistory(gaps), ...forHistory(description.warnings)],
  };
}

/** The report in workflow history has room for a few; all are in the set. */
function forHistory(lines: readonly string[]): string[] {
  const few = lines.slice(0, mostInHistory).map((line) => (line.length > longestInHistory ? `${line.slice(0, longestInHistory)}…` : line));
  return lines.length > few.length ? [...few, `and ${lines.length - few.length} more: mrs-backup set show`] : few;
}

async function* counted<T>(batches: AsyncIterable<Iterable<T>>, progress: (count: number) => void): AsyncGenerator<Iterable<T>> {
  let count = 0;
  function* each(items: Iterable<T>): Generator<T> {
    for (const item of items) {
      yield item;
      if (++count % 5000 === 0) progress(count);
    }
  }
  for await (const items of batches) yield each(items);
}
