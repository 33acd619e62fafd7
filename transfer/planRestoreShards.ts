import type { RestoreShards } from '../contracts/activities.ts';
import type { IndexedEntry } from '../backupset/piece.ts';
import { openIndex } from '../backupset/readIndex.ts';
import { shardBytes, shardEntries } from './planLine.ts';
import type { RestoreContext } from './restoreContext.ts';
import { planSummaryKey, restoreShardKey } from './stagingKeys.ts';
import { readValues, StagedLines, writeLines } from './stagedLines.ts';

/** Cuts the entries of a set that are to be restored into shards, directories apart from the rest. A plan that is whole is taken as it is. */
export async function planRestoreShards(context: RestoreContext, table: { readonly digest: string; readonly length: number }): Promise<RestoreShards> {
  const { repository, pool, folder, signal, where } = context;
  const before = await readValues<RestoreShards>(repository, pool, planSummaryKey(folder), signal);
  if (before !== undefined) return before[0]!;
  const index = await openIndex(repository, pool, table);
  const directories = new ShardList(context, 'directories');
  const files = new ShardList(context, 'files');
  for await (const entry of index.entries(where.only.length === 0 ? {} : { below: [...where.only] })) {
    await (entry.type === 'directory' ? directories : files).add(entry);
    if ((directories.entries + files.entries) % 10_000 === 0) context.progress({ entries: directories.entries + files.entries, bytes: files.bytes });
  }
  const summary: RestoreShards = {
    directoryShards: await directories.finish(), fileShards: await files.finish(),
    entries: directories.entries + files.entries, files: files.entries, bytes: files.bytes,
  };
  await writeLines(repository, pool, planSummaryKey(folder), [JSON.stringify(summary)], signal);
  return summary;
}

class ShardList {
  entries = 0;
  bytes = 0;
  readonly #context: RestoreContext;
  readonly #kind: 'directories' | 'files';
  #shards = 0;
  readonly #lines = new StagedLines();
  #lineBytes = 0;

  constructor(context: RestoreContext, kind: 'directories' | 'files') {
    this.#context = context;
    this.#kind = kind;
  }

  async add(entry: IndexedEntry): Promise<void> {
    if (this.#lines.count > 0 && (this.#lines.count >= shardEntries || this.#lineBytes + entry.length > shardBytes)) await this.#flush();
    this.#lines.add(JSON.stringify(entry));
    this.#lineBytes += entry.length;
    this.entries += 1;
    this.bytes += entry.length;
  }

  async finish(): Promise<number> {
    if (this.#lines.count > 0) await this.#flush();
    return this.#shards;
  }

  async #flush(): Promise<void> {
    const { repository, pool, folder, signal } = this.#context;
    await this.#lines.store([repository], pool, restoreShardKey(folder, this.#kind, this.#shards), signal);
    this.#shards += 1;
    this.#lineBytes = 0;
  }
}
