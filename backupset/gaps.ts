import type { IndexedEntry } from './piece.ts';
import type { SourceIndex } from './readIndex.ts';

/** The entries of a source that have no content in the set, in key order, some at a time. Reads only those index shards that hold some. */
export async function* gaps(index: SourceIndex, signal?: AbortSignal): AsyncGenerator<readonly (IndexedEntry & { readonly gap: string })[]> {
  for (const [position, shard] of index.shards().entries()) {
    const entries = shard.gaps > 0 ? await index.load(position, signal) : await overlaid(index, position, signal);
    yield entries.filter((each): each is IndexedEntry & { gap: string } => each.gap !== undefined);
  }
}

/** Entries over a shard without gaps, from those overlay shards that have some. */
async function overlaid(index: SourceIndex, position: number, signal: AbortSignal | undefined): Promise<readonly IndexedEntry[]> {
  const entries: IndexedEntry[] = [];
  for (const at of index.overlayOver(position)) {
    if (index.overlay()[at]!.live.gaps === 0) continue;
    for (const { entry } of await index.overIn(position, at, signal)) if (entry !== undefined) entries.push(entry);
  }
  return entries;
}
