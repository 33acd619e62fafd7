import { countEntry, noEntries } from './entryCounts.ts';
import { formatEntry, type PlaceOf } from './entryLine.ts';
import type { OverlaySummary, ShardSummary, TableRef } from './indexFormat.ts';
import { formatVersion, overlayVersion } from './jsonObject.ts';
import { formatOverlayLine, type OverlayLine } from './overlayLine.ts';
import type { IndexedEntry } from './piece.ts';

/** What a kind of shard is made of. */
export interface ShardForm<T, S> {
  readonly clear: { readonly formatVersion: number; readonly kind: string };
  readonly format: (item: T, place: PlaceOf) => string;
  /** What a table says of no lines. */
  readonly nothing: () => Omit<S, keyof TableRef>;
  readonly count: (sum: Omit<S, keyof TableRef>, item: T) => void;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Shards of the base. */
export const baseForm: ShardForm<IndexedEntry, Writable<ShardSummary>> = {
  clear: { formatVersion, kind: 'shard' }, format: formatEntry, nothing: () => ({ first: '', last: '', ...noEntries() }), count: countEntry,
};

/** Shards of an overlay. */
export const overlayForm: ShardForm<OverlayLine, Writable<OverlaySummary>> = {
  clear: { formatVersion: overlayVersion, kind: 'overlay' }, format: formatOverlayLine, nothing: () => ({ first: '', last: '', lines: 0, live: noEntries(), covered: noEntries() }),
  count(sum, { entry, beneath }) {
    sum.lines += 1;
    if (entry !== undefined) countEntry(sum.live, entry);
    if (beneath !== undefined) countEntry(sum.covered, beneath);
  },
};
