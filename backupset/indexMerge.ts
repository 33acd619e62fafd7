import { compareKeys } from '../contracts/compareKeys.ts';
import { isBelow } from '../contracts/isBelow.ts';
import type { IndexChange, StretchChanges } from './indexChanges.ts';
import type { OverlaySummary, ShardSummary } from './indexFormat.ts';
import { overlayAfter } from './overlayAfter.ts';
import type { OverlayLine } from './overlayLine.ts';
import { OverlayMerge } from './overlayMerge.ts';
import { indexKey, packKey } from './packKey.ts';
import type { IndexedEntry } from './piece.ts';
import type { SourceIndex } from './readIndex.ts';
import { baseForm } from './shardForm.ts';
import type { ShardLines } from './shardLines.ts';
import { ShardWriter, type ShardTarget } from './shardWriter.ts';

/** Of a shard's entries this part may be overridden: what is read twice, and how long a shard is not rewritten. */
const mostShare = 1 / 16;
/** With more shards the share is smaller: otherwise changes all over a large index would rewrite a large overlay each time. */
const shardsOfWholeShare = 500;

/** What was read of a stretch before its turn came. */
export interface PreparedStretch {
  readonly over: readonly OverlayLine[];
  /** Not where the overlay alone knows what the changes replace. */
  readonly lines: ShardLines | undefined;
}

/** Goes through the parent's index in key order and makes the base and the overlay that follow it. */
export class IndexMerge {
  readonly #parent: SourceIndex;
  readonly #shards: readonly ShardSummary[];
  readonly #target: ShardTarget;
  readonly #base: ShardWriter<IndexedEntry, ShardSummary>;
  readonly #overlay: OverlayMerge;
  readonly #hasBadPacks: boolean;
  /** Of the first shard that is not settled. */
  #position = 0;
  /** Entries of that shard, while it is rewritten. */
  #open: { readonly entries: readonly IndexedEntry[]; at: number } | undefined;
  /** The removal that may cover what comes next. */
  #gone: string | undefined;

  constructor(parent: SourceIndex, target: ShardTarget) {
    this.#parent = parent;
    this.#shards = parent.shards();
    this.#target = target;
    this.#base = new ShardWriter<IndexedEntry, ShardSummary>(target, baseForm);
    this.#overlay = new OverlayMerge(target, parent);
    this.#hasBadPacks = [...target.bad].some((key) => key.startsWith('packs/'));
  }

  /** Reads what `apply` will need; can be done ahead. */
  async prepare({ position, changes }: StretchChanges): Promise<PreparedStretch> {
    const over = await this.#parent.over(position, this.#target.signal);
    const known = new Set(over.map((line) => line.key));
    return { over, lines: changes.every(({ key, entry }) => entry !== undefined && known.has(key)) ? undefined : await this.#parent.lines(position, this.#target.signal) };
  }

  /** Changes in key order, stretch by stretch. */
  async apply({ position, changes, isWhole, ...prepared }: StretchChanges & PreparedStretch): Promise<void> {
    await this.#settle(position);
    if (isWhole && (await this.#lay(changes, prepared))) return;
    await this.#rewrite(changes);
  }

  async finish(): Promise<{ readonly shards: readonly ShardSummary[]; readonly overlay: readonly OverlaySummary[]; readonly new: number; readonly reused: number }> {
    await this.#settle(this.#shards.length);
    const shards = await this.#base.finish();
    const overlay = await this.#overlay.finish();
    const [a, b] = [this.#base.shards, this.#overlay.shards];
    return { shards, overlay, new: a.new + b.new, reused: a.reused + b.reused };
  }

  /** Nothing is on its way any more, whatever became of it. */
  async ended(): Promise<void> {
    await Promise.all([this.#base.ended(), this.#overlay.ended()]);
  }

  /** Goes on to the shard at `until`, past those without further changes. */
  async #settle(until: number): Promise<void> {
    while (this.#position < until) {
      this.#target.signal?.throwIfAborted();
      if (this.#open !== undefined) await this.#close(this.#open);
      else await this.#pass();
    }
  }

  /** A shard without changes of its own. */
  async #pass(): Promise<void> {
    const shard = this.#shards[this.#position]!;
    // What is gone goes on behind the shard before.
    const gone = this.#reaching();
    const over = gone === undefined ? undefined : await this.#parent.over(this.#position, this.#target.signal);
    if (gone !== undefined && [shard.first, shard.last, ...over!.map((line) => line.key)].every((key) => isBelow(key, gone))) {
      // All of it is: nothing needs to be read.
      for (const { key } of over!) await this.#overlay.drop(key);
      this.#position += 1;
    } else if (this.#base.isEmpty && (gone === undefined || ![shard.first, ...over!.slice(0, 1).map((line) => line.key)].some((key) => isBelow(key, gone))) && !(await this.#isBad())) {
      this.#base.reuse(shard);
      this.#position += 1;
    } else if (!(await this.#lay([], { over: over ?? [], lines: undefined }))) {
      await this.#rewrite([]);
    }
  }

  /** The removal that began before the shard and may go on in it. */
  #reaching(): string | undefined {
    return this.#gone !== undefined && this.#position > 0 && isBelow(this.#shards[this.#position - 1]!.last, this.#gone) ? this.#gone : undefined;
  }

  /** Keeps the shard and lays the changes over it. Returns false, and does nothing, where they are too many or it must not be kept. */
  async #lay(changes: readonly IndexChange[], { over, lines }: PreparedStretch): Promise<boolean> {
    const shard = this.#shards[this.#position]!;
    const puts = changes.filter((each): each is Required<IndexChange> => each.entry !== undefined);
    const most = Math.floor(shard.entries * mostShare * Math.min(1, Math.sqrt(shardsOfWholeShare / this.#shards.length)));
    if (this.#open !== undefined || !this.#base.isEmpty || puts.length > most || (await this.#isBad())) return false;
    const reaching = this.#reaching();
    const gone = [...(reaching === undefined ? [] : [reaching]), ...changes.flatMap(({ key, entry }) => (entry === undefined ? [key] : []))];
    const base = lines ?? (gone.length === 0 ? undefined : await this.#parent.lines(this.#position, this.#target.signal));
    const after = overlayAfter(gone, puts, over, () => base!, most);
    if (after === undefined) return false;
    for (const change of after) await ('put' in change ? this.#overlay.put(change.put) : this.#overlay.drop(change.drop));
    for (const key of gone) this.#remember(key);
    this.#base.reuse(shard);
    this.#position += 1;
    return true;
  }

  /** Whether the shard itself is known to be damaged, or keeps a damaged pack in the set. */
  async #isBad(): Promise<boolean> {
    const { bad, signal } = this.#target;
    if (bad.has(indexKey(this.#shards[this.#position]!.digest))) return true;
    return this.#hasBadPacks && (await this.#parent.lines(this.#position, signal)).packs.some(([pack]) => bad.has(packKey(pack)));
  }

  /** Writes the shard anew, and what lies over it into it, up to the last of the changes. */
  async #rewrite(changes: readonly IndexChange[]): Promise<void> {
    if (this.#open === undefined) {
      for (const { key } of await this.#parent.over(this.#position, this.#target.signal)) await this.#overlay.drop(key);
      this.#open = { entries: await this.#parent.load(this.#position, this.#target.signal), at: 0 };
    }
    const open = this.#open;
    for (const { key, entry } of changes) {
      await this.#copy(open, key);
      if (entry === undefined) {
        this.#remember(key);
        continue;
      }
      if (open.entries[open.at]?.key === key) open.at += 1;
      await this.#base.add(entry);
    }
  }

  async #close(open: { readonly entries: readonly IndexedEntry[]; at: number }): Promise<void> {
    await this.#copy(open, undefined);
    this.#open = undefined;
    this.#position += 1;
  }

  /** Entries before `key` that are not gone. */
  async #copy(open: { readonly entries: readonly IndexedEntry[]; at: number }, key: string | undefined): Promise<void> {
    for (; open.at < open.entries.length; open.at++) {
      const entry = open.entries[open.at]!;
      if (key !== undefined && compareKeys(entry.key, key) >= 0) return;
      if (this.#gone === undefined || !isBelow(entry.key, this.#gone)) await this.#base.add(entry);
    }
  }

  /** A removal, unless one before it covers more. */
  #remember(key: string): void {
    if (this.#gone === undefined || !isBelow(key, this.#gone)) this.#gone = key;
  }
}
