import { compareKeys } from '../contracts/compareKeys.ts';
import { Failure } from '../contracts/failure.ts';
import { isBelow } from '../contracts/isBelow.ts';
import { parseEntry } from './entryLine.ts';
import type { FramePool } from './framePool.ts';
import { readTable, type OverlaySummary, type ShardSummary, type TableRef } from './indexFormat.ts';
import { orderedMap } from './orderedMap.ts';
import { parseOverlayLine, type OverlayLine } from './overlayLine.ts';
import type { IndexedEntry } from './piece.ts';
import type { Repository } from './repository.ts';
import { ShardCache } from './shardCache.ts';
import type { ShardLines } from './shardLines.ts';

/** On their way while one is used. */
const shardsAhead = 4;
/** Overlay shards that stay in memory as lines. */
const mostParsed = 4;

/** What a shard of the base holds, as it is stored. */
export interface LoadedShard {
  readonly packs: readonly (readonly [string, number])[];
  readonly entries: readonly IndexedEntry[];
}

/** What an overlay shard holds. */
export interface LoadedOverlay {
  readonly packs: readonly (readonly [string, number])[];
  readonly lines: readonly OverlayLine[];
}

/**
 * The entries of one source in one set: those of the base, overridden by the overlay. Each shard of the base stands for a stretch of keys:
 * behind the last key of the shard before it and up to its own; the last shard's has no end.
 */
export interface SourceIndex {
  readonly table: TableRef;
  /** In key order; `from`: this key and what follows it; `below`: only these keys and what is below them. Only the shards needed are read. */
  entries(options?: { readonly from?: string; readonly below?: readonly string[]; readonly signal?: AbortSignal }): AsyncIterable<IndexedEntry>;
  /** One entry. Cheap for keys asked for in order: shards stay in memory for a while. */
  find(key: string): Promise<IndexedEntry | undefined>;
  /** The base. */
  shards(): readonly ShardSummary[];
  overlay(): readonly OverlaySummary[];
  /** All entries in the stretch of the base's shard at this position. */
  load(position: number, signal?: AbortSignal): Promise<readonly IndexedEntry[]>;
  /** The base's shard alone, whatever lies over it. */
  loadShard(position: number, signal?: AbortSignal): Promise<LoadedShard>;
  loadOverlay(position: number, signal?: AbortSignal): Promise<LoadedOverlay>;
  /** What the overlay says in the stretch of the base's shard at this position, in key order. */
  over(position: number, signal?: AbortSignal): Promise<readonly OverlayLine[]>;
  /** Which overlay shards lie over the stretch of the base's shard at this position. */
  overlayOver(position: number): readonly number[];
  /** What one of them says there. */
  overIn(position: number, overlayPosition: number, signal?: AbortSignal): Promise<readonly OverlayLine[]>;
  /** What the overlay says of this key. */
  overlayLine(key: string): Promise<OverlayLine | undefined>;
  /** The lines of the base's shard at this position, to be searched. */
  lines(position: number, signal?: AbortSignal): Promise<ShardLines>;
  /** In the stretch of which of the base's shards a key lies; -1 where there are none. */
  positionOf(key: string): number;
  /** Which overlay shard has this key, if one has. */
  overlayPositionOf(key: string): number | undefined;
}

/** Keys behind one and up to another. */
interface Stretch {
  readonly after: string | undefined;
  readonly upTo: string | undefined;
}

/**
 * @param cache shared with other indexes of the same repository
 * @throws Failure E_CORRUPT, E_FORMAT, E_OBJECT_NOT_FOUND, E_KEY
 */
export async function openIndex(repository: Repository, pool: FramePool, table: TableRef, cache: ShardCache = new ShardCache(repository, pool)): Promise<SourceIndex> {
  const { summaries } = await readTable(repository, pool, table);
  if (summaries === undefined) throw new Failure('E_KEY', 'the index is encrypted and no key was given');
  const { shards, overlay } = summaries;
  // Stretches are asked for one after the other, by some at a time: the overlay shards around the last ones are parsed once.
  const parsed = new Map<number, Promise<LoadedOverlay>>();

  const lines = (position: number, signal?: AbortSignal): Promise<ShardLines> => cache.read(shards[position]!, 'shard', signal);
  const loadShard = async (position: number, signal?: AbortSignal): Promise<LoadedShard> => wholeShard(shards[position]!, await lines(position, signal));
  const loadOverlay = (position: number, signal?: AbortSignal): Promise<LoadedOverlay> => {
    const loaded = parsed.get(position) ?? cache.read(overlay[position]!, 'overlay', signal).then((shard) => wholeOverlay(overlay[position]!, shard));
    if (!parsed.has(position)) {
      parsed.set(position, loaded);
      loaded.catch(() => parsed.delete(position));
      if (parsed.size > mostParsed) parsed.delete(parsed.keys().next().value!);
    }
    return loaded;
  };
  const stretch = (position: number): Stretch => ({ after: position === 0 ? undefined : shards[position - 1]!.last, upTo: position === shards.length - 1 ? undefined : shards[position]!.last });
  const overlayOver = (position: number): number[] => {
    const { after, upTo } = stretch(position);
    const from = after === undefined ? 0 : firstBehind(overlay, after);
    const to = upTo === undefined ? overlay.length : lowerBound(overlay.length, (at) => compareKeys(overlay[at]!.first, upTo) <= 0);
    return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
  };
  const overIn = async (position: number, overlayPosition: number, signal?: AbortSignal): Promise<readonly OverlayLine[]> => linesIn(stretch(position), (await loadOverlay(overlayPosition, signal)).lines);
  const over = async (position: number, signal?: AbortSignal): Promise<readonly OverlayLine[]> => {
    const found: OverlayLine[] = [];
    for (const each of overlayOver(position)) found.push(...(await overIn(position, each, signal)));
    return found;
  };
  const load = async (position: number, signal?: AbortSignal): Promise<readonly IndexedEntry[]> => {
    const [{ entries }, above] = await Promise.all([loadShard(position, signal), over(position, signal)]);
    return above.length === 0 ? entries : merged(entries, above);
  };
  const positionOf = (key: string): number => Math.min(firstAtOrAfter(shards, key), shards.length - 1);
  const overlayPositionOf = (key: string): number | undefined => {
    const at = firstAtOrAfter(overlay, key);
    return at === overlay.length || compareKeys(overlay[at]!.first, key) > 0 ? undefined : at;
  };
  const overlayLine = async (key: string): Promise<OverlayLine | undefined> => {
    const at = overlayPositionOf(key);
    if (at === undefined) return undefined;
    const shard = await cache.read(overlay[at]!, 'overlay');
    const line = shard.find(key);
    return line === undefined ? undefined : parseOverlayLine(line, shard.packs, shard.name);
  };
  return {
    table, shards: () => shards, overlay: () => overlay, load, loadShard, loadOverlay, over, overlayOver, overIn, overlayLine, lines, positionOf, overlayPositionOf,
    async *entries({ from, below, signal } = {}) {
      const over = (below ?? []).filter((each) => overlay.some((shard) => mayHold(shard, each)));
      const wanted = shards.flatMap((shard, position) => {
        const isEndless = position === shards.length - 1 && overlay.length > 0;
        const isBehind = from !== undefined && compareKeys(shard.last, from) < 0 && !isEndless;
        return !isBehind && (below === undefined || below.some((each) => mayHold(shard, each)) || over.some((each) => reaches(stretch(position), each))) ? [position] : [];
      });
      for await (const entries of orderedMap(wanted, shardsAhead, (position) => load(position, signal))) {
        for (const entry of entries) {
          if ((from === undefined || compareKeys(entry.key, from) >= 0) && (below === undefined || below.some((each) => isBelow(entry.key, each)))) yield entry;
        }
      }
    },
    async find(key) {
      const line = await overlayLine(key);
      if (line !== undefined) return line.entry;
      const position = firstAtOrAfter(shards, key);
      if (position === shards.length || compareKeys(shards[position]!.first, key) > 0) return undefined;
      const shard = await lines(position);
      const text = shard.find(key);
      return text === undefined ? undefined : parseEntry(text, shard.packs, shard.name);
    },
  };
}

function wholeShard(summary: ShardSummary, shard: ShardLines): LoadedShard {
  const entries = shard.all().map((line) => parseEntry(line, shard.packs, shard.name));
  checkKeys(entries, summary, summary.entries, shard.name);
  return { packs: shard.packs, entries };
}

function wholeOverlay(summary: OverlaySummary, shard: ShardLines): LoadedOverlay {
  const lines = shard.all().map((line) => parseOverlayLine(line, shard.packs, shard.name));
  checkKeys(lines, summary, summary.lines, shard.name);
  return { packs: shard.packs, lines };
}

function checkKeys(items: readonly { readonly key: string }[], summary: { readonly first: string; readonly last: string }, count: number, name: string): void {
  if (items.length !== count || items[0]?.key !== summary.first || items.at(-1)?.key !== summary.last) throw new Failure('E_CORRUPT', `${name} does not hold what its table says`);
  for (let i = 1; i < items.length; i++) if (compareKeys(items[i - 1]!.key, items[i]!.key) >= 0) throw new Failure('E_CORRUPT', `${name} is not in the order of keys at ${items[i]!.key}`);
}

/** Entries with what lies over them. */
function merged(entries: readonly IndexedEntry[], above: readonly OverlayLine[]): IndexedEntry[] {
  const all: IndexedEntry[] = [];
  let at = 0;
  for (const { key, entry } of above) {
    while (at < entries.length && compareKeys(entries[at]!.key, key) < 0) all.push(entries[at++]!);
    if (entries[at]?.key === key) at += 1;
    if (entry !== undefined) all.push(entry);
  }
  while (at < entries.length) all.push(entries[at++]!);
  return all;
}

/** Whether there may be keys below this one in the stretch: what only an overlay has lies between the shards, or behind them all. */
function reaches({ after, upTo }: Stretch, below: string): boolean {
  return (upTo === undefined || compareKeys(upTo, below) >= 0) && (after === undefined || compareKeys(after, below) < 0 || isBelow(after, below));
}

function mayHold(shard: { readonly first: string; readonly last: string }, below: string): boolean {
  if (compareKeys(shard.last, below) < 0) return false;
  return compareKeys(shard.first, below) <= 0 || isBelow(shard.first, below);
}

/** The first of them that ends with this key or behind it. */
function firstAtOrAfter(items: readonly { readonly last: string }[], key: string): number {
  return lowerBound(items.length, (at) => compareKeys(items[at]!.last, key) < 0);
}

/** The first of them that ends behind this key. */
function firstBehind(items: readonly { readonly last: string }[], key: string): number {
  return lowerBound(items.length, (at) => compareKeys(items[at]!.last, key) <= 0);
}

function linesIn({ after, upTo }: Stretch, lines: readonly OverlayLine[]): readonly OverlayLine[] {
  const from = after === undefined ? 0 : lowerBound(lines.length, (at) => compareKeys(lines[at]!.key, after) <= 0);
  const to = upTo === undefined ? lines.length : lowerBound(lines.length, (at) => compareKeys(lines[at]!.key, upTo) <= 0);
  return lines.slice(from, to);
}

function lowerBound(length: number, isBefore: (at: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
