import type { Change } from '../contracts/entry.ts';
import type { CopyPlan, CopyTask } from '../contracts/activities.ts';
import type { FramePool } from '../backupset/framePool.ts';
import { readManifestOf } from '../backupset/readManifest.ts';
import { readDescription } from '../backupset/sourceDescription.ts';
import type { PlanReport, SourceSession } from '../components/dataSource.ts';
import type { OpenDestination } from './openDestination.ts';
import { shardBytes, shardEntries, type PlanLine, type PlanSummary } from './planLine.ts';
import { withReadAgain } from './readAgain.ts';
import { planKey, planSummaryKey } from './stagingKeys.ts';
import { readValues, StagedLines, writeLines } from './stagedLines.ts';

export interface PlanContext {
  readonly source: SourceSession;
  readonly copy: CopyTask;
  readonly folder: string;
  readonly destinations: readonly OpenDestination[];
  readonly pool: FramePool;
  readonly signal: AbortSignal;
  readonly progress: (entries: number) => void;
}

/** Lists the source (or what changed), cuts the list into shards and keeps them at every destination. A plan that is whole is taken as it is. */
export async function planShards(context: PlanContext): Promise<CopyPlan> {
  const { copy, folder, destinations, pool, signal } = context;
  const before = await Promise.all(destinations.map((each) => readValues<PlanSummary>(each.repository, pool, planSummaryKey(folder), signal)));
  if (before.every((each) => each !== undefined)) return asPlan(before[0]![0]!);

  let report: PlanReport = { kind: 'full' };
  const since = copy.parent === null ? undefined : { handle: copy.parent.handle, openBefore: await openKeysOf(copy.parent.setId, context) };
  const changes = context.source.plan(copy.handle, copy.ref.selection, since, (told) => { report = told; }, signal);
  const writer = new ShardWriter(context);
  try {
    for await (const change of await withReadAgain(changes, destinations, signal)) {
      writer.add(change);
      if (writer.isBehind) await writer.store();
    }
    await writer.finish();
  } finally {
    await writer.ended();
  }
  const { totals } = writer;
  const fellBack = report.fellBack ?? copy.noParentBecause;
  const summary: PlanSummary = { ...totals, kind: copy.parent === null ? 'full' : report.kind, ...(fellBack === undefined ? {} : { fellBack }) };
  for (const each of destinations) await writeLines(each.repository, pool, planSummaryKey(folder), [JSON.stringify(summary)], signal);
  return asPlan(summary);
}

/** Keys that were open for writing in the parent set: read where they lie, for lists of files do not go through a workflow's history. */
async function openKeysOf(setId: string, { copy, destinations }: PlanContext): Promise<readonly string[]> {
  const { repository } = destinations[0]!;
  const manifest = await readManifestOf(repository, { cluster: copy.ref.cluster, task: copy.task, setId });
  const part = manifest.sources.find((each) => each.source === copy.ref.source && each.instance === copy.ref.instance);
  return part === undefined ? [] : (await readDescription(repository, manifest, part)).openKeys;
}

function asPlan({ removed: _, ...plan }: PlanSummary): CopyPlan {
  return plan;
}

/** Cuts the changes into shards by entries and bytes. */
class ShardWriter {
  #lines = new StagedLines();
  #bytes = 0;
  /** Shards that are not stored yet. */
  #full: StagedLines[] = [];
  /** One is stored while the next is listed. */
  #storing: Promise<void> = Promise.resolve();
  readonly totals = { shards: 0, entries: 0, files: 0, bytes: 0, removed: 0 };
  readonly #context: PlanContext;

  constructor(context: PlanContext) {
    this.#context = context;
  }

  add(change: Change): void {
    const { totals } = this;
    if (change.op === 'remove') {
      totals.removed += 1;
      this.#push({ remove: change.key }, 0);
      return;
    }
    const { entry, was } = change;
    totals.entries += 1;
    totals.files += entry.type === 'file' ? 1 : 0;
    totals.bytes += entry.length;
    if (entry.length <= shardBytes) {
      this.#push(was === undefined ? { put: entry } : { put: entry, was }, entry.length);
      return;
    }
    for (let offset = 0; offset < entry.length; offset += shardBytes) {
      const slice = { offset, length: Math.min(shardBytes, entry.length - offset) };
      this.#push(was === undefined ? { put: entry, slice } : { put: entry, was, slice }, slice.length);
    }
  }

  /** Whether there are shards to be stored. */
  get isBehind(): boolean {
    return this.#full.length > 0;
  }

  async store(): Promise<void> {
    const { progress } = this.#context;
    for (const lines of this.#full.splice(0)) {
      await this.#storing;
      const { entries } = this.totals;
      this.#storing = this.#put(this.totals.shards++, lines).then(() => progress(entries));
      // A failure is thrown when it is waited for.
      this.#storing.catch(() => undefined);
    }
  }

  async finish(): Promise<void> {
    if (this.#lines.count > 0) this.#cut();
    await this.store();
    await this.#storing;
  }

  /** Nothing is on its way any more, whatever became of it. */
  async ended(): Promise<void> {
    await Promise.allSettled([this.#storing]);
  }

  #push(line: PlanLine, bytes: number): void {
    if (this.#lines.count > 0 && (this.#lines.count >= shardEntries || this.#bytes + bytes > shardBytes)) this.#cut();
    this.#lines.add(JSON.stringify(line));
    this.#bytes += bytes;
  }

  #cut(): void {
    this.#full.push(this.#lines);
    this.#lines = new StagedLines();
    this.#bytes = 0;
  }

  async #put(shard: number, lines: StagedLines): Promise<void> {
    const { destinations, pool, folder, signal } = this.#context;
    await lines.store(destinations.map((each) => each.repository), pool, planKey(folder, shard), signal);
  }
}
