import { compareKeys } from '../contracts/compareKeys.ts';
import { isBelow } from '../contracts/isBelow.ts';
import { parseEntry } from './entryLine.ts';
import type { IndexChange } from './indexChanges.ts';
import { beneathOf, type OverlayLine } from './overlayLine.ts';
import type { ShardLines } from './shardLines.ts';

/** What becomes of an overlay's lines, in key order: another line, or none. */
export type OverlayChange = { readonly put: OverlayLine } | { readonly drop: string };

/**
 * What changes in the stretch of one shard of the base do to the overlay there.
 * @param gone keys that are gone with everything below them, in order, from before the stretch or in it
 * @param puts in key order; they come after what is gone
 * @param over the lines that the overlay has there
 * @param base the shard
 * @param most lines that it may have there afterwards
 * @returns `undefined` when there would be more
 */
export function overlayAfter(gone: readonly string[], puts: readonly Required<IndexChange>[], over: readonly OverlayLine[], base: () => ShardLines, most: number): readonly OverlayChange[] | undefined {
  const before = new Map(over.map((line) => [line.key, line]));
  const after = new Map(before);
  let last: string | undefined;
  for (const root of gone) {
    if (last !== undefined && isBelow(root, last)) continue;
    last = root;
    for (const { key, entry, beneath } of over) {
      if (entry === undefined || !isBelow(key, root)) continue;
      if (beneath === undefined) after.delete(key);
      else after.set(key, { key, entry: undefined, beneath });
    }
    for (const text of base().below(root)) {
      const entry = parseEntry(text, base().packs, base().name);
      if (!before.has(entry.key)) after.set(entry.key, { key: entry.key, entry: undefined, beneath: beneathOf(entry) });
      if (after.size > most) return undefined;
    }
  }
  for (const { key, entry } of puts) {
    const known = before.get(key);
    const text = known === undefined ? base().find(key) : undefined;
    after.set(key, { key, entry, beneath: known === undefined ? beneathOf(text === undefined ? undefined : parseEntry(text, base().packs, base().name)) : known.beneath });
    if (after.size > most) return undefined;
  }
  const changed = [...after.values()].filter((line) => before.get(line.key) !== line).map((put) => ({ key: put.key, change: { put } }));
  const dropped = over.filter((line) => !after.has(line.key)).map(({ key }) => ({ key, change: { drop: key } }));
  return [...changed, ...dropped].sort((a, b) => compareKeys(a.key, b.key)).map((each) => each.change);
}
