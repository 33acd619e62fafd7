import type { Change, Entry } from '../contracts/entry.ts';

/** One line of a shard's plan. A very large file is several lines, each a slice of it, one shard after the other. */
export type PlanLine =
  | { readonly put: Entry; readonly was?: Extract<Change, { op: 'put' }>['was']; readonly slice?: { readonly offset: number; readonly length: number } }
  | { readonly remove: string };

export interface PlanSummary {
  readonly shards: number;
  readonly kind: 'full' | 'incremental';
  readonly fellBack?: string;
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
  readonly removed: number;
}

/** A shard is what one activity carries: as much as is copied in seconds to a minute. */
export const shardEntries = 8192;
export const shardBytes = 1 << 30;
