import { compareKeys } from '../contracts/compareKeys.ts';
import type { OverlaySummary } from './indexFormat.ts';
import type { OverlayLine } from './overlayLine.ts';
import { indexKey } from './packKey.ts';
import type { SourceIndex } from './readIndex.ts';
import { overlayForm } from './shardForm.ts';
import { ShardWriter, type ShardTarget } from './shardWriter.ts';

/** The parent's overlay with some lines put or dropped, in key order. Shards of it without a change are taken over unread. */
export class OverlayMerge {
  readonly #parent: SourceIndex;
  readonly #shards: readonly OverlaySummary[];
  readonly #writer: ShardWriter<OverlayLine, OverlaySummary>;
  readonly #target: ShardTarget;
  /** Of the parent's shard that comes next or, while there are `#lines`, that is gone through. */
  #position = 0;
  #lines: readonly OverlayLine[] | undefined;
  #at = 0;

  constructor(target: ShardTarget, parent: SourceIndex) {
    this.#parent = parent;
    this.#shards = parent.overlay();
    this.#target = target;
    this.#writer = new ShardWriter<OverlayLine, OverlaySummary>(target, overlayForm);
  }

  get shards(): { readonly new: number; readonly reused: number } {
    return this.#writer.shards;
  }

  /** This line instead of the one of its key, if there is one. */
  async put(line: OverlayLine): Promise<void> {
    await this.drop(line.key);
    await this.#writer.add(line);
  }

  /** No line of this key. */
  async drop(key: string): Promise<void> {
    await this.#advance(key);
    if (this.#lines?.[this.#at]?.key === key) this.#at += 1;
  }

  async ended(): Promise<void> {
    await this.#writer.ended();
  }

  async finish(): Promise<readonly OverlaySummary[]> {
    await this.#advance(undefined);
    return await this.#writer.finish();
  }

  /** Everything before this key is handed on. */
  async #advance(key: string | undefined): Promise<void> {
    const isBefore = (other: string): boolean => key === undefined || compareKeys(other, key) < 0;
    for (;;) {
      if (this.#lines === undefined) {
        const shard = this.#shards[this.#position];
        if (shard === undefined || (key !== undefined && compareKeys(shard.first, key) > 0)) return;
        if (isBefore(shard.last) && this.#writer.isEmpty && !this.#target.bad.has(indexKey(shard.digest))) {
          this.#writer.reuse(shard);
          this.#position += 1;
          continue;
        }
        this.#lines = (await this.#parent.loadOverlay(this.#position, this.#target.signal)).lines;
        this.#at = 0;
      }
      while (this.#at < this.#lines.length && isBefore(this.#lines[this.#at]!.key)) await this.#writer.add(this.#lines[this.#at++]!);
      if (this.#at < this.#lines.length) return;
      this.#lines = undefined;
      this.#position += 1;
    }
  }
}
