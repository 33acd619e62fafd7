import { inLanes } from './inLanes.ts';
import type { Piece } from './piece.ts';
import { fetchRange } from './readContent.ts';
import type { Repository } from './repository.ts';

/** Bytes of a pack that are here. */
export interface PackStretch {
  readonly pack: string;
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What lies between two pieces and is not wanted costs less than another request, up to this. */
const mostBetween = 256 << 10;
const requestBytes = 8 << 20;
const atOnce = 4;
/** In memory at once: small files that lie scattered can have a megabyte around each. */
const mostBytes = 16 << 20;

/** The stretches of packs in which these pieces lie, in few requests; `undefined`, and nothing is fetched, where they are more than 16 MiB. @throws Failure as of `get` */
export async function fetchStretches(repository: Repository, pieces: readonly Piece[], signal: AbortSignal | undefined): Promise<readonly PackStretch[] | undefined> {
  const wanted: { readonly pack: string; readonly from: number; to: number }[] = [];
  for (const { pack, frameOffset, storedLength } of [...pieces].sort((a, b) => (a.pack < b.pack ? -1 : a.pack > b.pack ? 1 : a.frameOffset - b.frameOffset))) {
    const last = wanted.at(-1);
    const end = frameOffset + storedLength;
    if (last?.pack === pack && frameOffset <= last.to + mostBetween && end - last.from <= requestBytes) last.to = Math.max(last.to, end);
    // Within the last one, which is full: it is there whole.
    else if (last?.pack !== pack || end > last.to) wanted.push({ pack, from: frameOffset, to: end });
  }
  if (wanted.reduce((sum, { from, to }) => sum + to - from, 0) > mostBytes) return undefined;
  const fetched: PackStretch[] = [];
  await inLanes(wanted, atOnce, async ({ pack, from, to }) => {
    // In a buffer of its own, which can be handed to a thread.
    fetched.push({ pack, offset: from, bytes: await fetchRange(repository, pack, from, to, signal) });
  });
  return fetched;
}
