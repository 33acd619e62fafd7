import { compareKeys } from '../contracts/compareKeys.ts';
import { Failure } from '../contracts/failure.ts';
import { isBelow } from '../contracts/isBelow.ts';
import type { FramePool } from './framePool.ts';
import { parseEntry, readShard, readTable, type ShardSummary, type TableRef } from './indexFormat.ts';
import { indexKey } from './packKey.ts';
import type { IndexedEntry } from './piece.ts';
import type { Repository } from './repository.ts';

export type { ShardSummary, TableRef } from './indexFormat.ts';

export interface LoadedShard {
  readonly packs: readonly (readonly [string, number])[];
  readonly entries: readonly IndexedEntry[];
}

/** The entries of one source in one set. */
export interface SourceIndex {
  readonly table: TableRef;
  /** In key order; `from`: this key and what follows it; `below`: only these keys and what is below them. Only the shards needed are read. */
  entries(options?: { readonly from?: string; readonly below?: readonly string[]; readonly signal?: AbortSignal }): AsyncIterable<IndexedEntry>;
  /** One entry. Cheap for keys asked for in order: the shard stays in memory. */
  find(key: string): Promise<IndexedEntry | undefined>;
  shards(): readonly ShardSummary[];
  /** All entries of the shard at this position. */
  load(position: number, signal?: AbortSignal): Promise<readonly IndexedEntry[]>;
  /** The same with the packs that the shard names. */
  loadWhole(position: number, signal?: AbortSignal): Promise<LoadedShard>;
}

/** @throws Failure E_CORRUPT, E_OBJECT_NOT_FOUND, E_KEY */
export async function openIndex(repository: Repository, pool: FramePool, table: TableRef): Promise<SourceIndex> {
  const { summaries } = await readTable(repository, pool, table);
  if (summaries === undefined) throw new Failure('E_KEY', 'the index is encrypted and no key was given');
  let kept: { position: number; entries: Promise<readonly IndexedEntry[]> } | undefined;
  const loadWhole = async (position: number, signal?: AbortSignal): Promise<LoadedShard> => await loadShard(repository, pool, summaries[position]!, signal);
  const load = async (position: number, signal?: AbortSignal): Promise<readonly IndexedEntry[]> => (await loadWhole(position, signal)).entries;
  return {
    table, shards: () => summaries, load, loadWhole,
    async *entries({ from, below, signal } = {}) {
      const wanted = summaries.flatMap((shard, position) => ((from === undefined || compareKeys(shard.last, from) >= 0) && (below === undefined || below.some((each) => mayHold(shard, each))) ? [position] : []));
      let next = ahead(wanted[0], load, signal);
      for (let i = 0; i < wanted.length; i++) {
        const entries = await next;
        next = ahead(wanted[i + 1], load, signal);
        for (const entry of entries ?? []) {
          if ((from === undefined || compareKeys(entry.key, from) >= 0) && (below === undefined || below.some((each) => isBelow(entry.key, each)))) yield entry;
        }
      }
    },
    async find(key) {
      const position = lastAtOrBefore(summaries, key);
      if (position < 0 || compareKeys(summaries[position]!.last, key) < 0) return undefined;
      if (kept?.position !== position) {
        kept = { position, entries: load(position) };
        kept.entries.catch(() => (kept = undefined));
      }
      const entries = await kept.entries;
      const place = lastAtOrBefore(entries, key);
      return place >= 0 && entries[place]!.key === key ? entries[place] : undefined;
    },
  };
}

async function loadShard(repository: Repository, pool: FramePool, shard: ShardSummary, signal?: AbortSignal): Promise<LoadedShard> {
  const name = indexKey(shard.digest);
  const { packs, lines } = await readShard(repository, pool, shard, signal);
  const entries = (lines ?? []).map((line) => parseEntry(line, packs, name));
  if (entries.length !== shard.entries || entries[0]?.key !== shard.first || entries.at(-1)?.key !== shard.last) throw new Failure('E_CORRUPT', `${name} does not hold what its table says`);
  for (let i = 1; i < entries.length; i++) if (compareKeys(entries[i - 1]!.key, entries[i]!.key) >= 0) throw new Failure('E_CORRUPT', `${name} is not in the order of keys at ${entries[i]!.key}`);
  return { packs, entries };
}

/** The next shard is read while the one before it is used. */
function ahead(position: number | undefined, load: (position: number, signal?: AbortSignal) => Promise<readonly IndexedEntry[]>, signal: AbortSignal | undefined): Promise<readonly IndexedEntry[]> | undefined {
  if (position === undefined) return undefined;
  const loading = load(position, signal);
  loading.catch(() => undefined);
  return loading;
}

function mayHold(shard: ShardSummary, below: string): boolean {
  if (compareKeys(shard.last, below) < 0) return false;
  return compareKeys(shard.first, below) <= 0 || isBelow(shard.first, below);
}

function lastAtOrBefore(items: readonly ({ readonly first: string } | { readonly key: string })[], key: string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle]!;
    if (compareKeys('first' in item ? item.first : item.key, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
