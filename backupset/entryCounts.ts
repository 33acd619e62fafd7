/** What is counted of entries, wherever it is: in a shard, a source, a set. */
export const countNames = ['entries', 'files', 'directories', 'symlinks', 'gaps', 'bytes'] as const;

/** Counts of entries. */
export type EntryCounts = Record<(typeof countNames)[number], number>;

/** As much of an entry as is counted. */
export interface Counted {
  readonly type: 'file' | 'directory' | 'symlink';
  readonly length: number;
  /** Present where the content is not in the set. */
  readonly gap?: string | true;
}

/** All zero. */
export function noEntries(): EntryCounts {
  return { entries: 0, files: 0, directories: 0, symlinks: 0, gaps: 0, bytes: 0 };
}

/** Adds an entry to the counts. */
export function countEntry(counts: EntryCounts, entry: Counted): void {
  counts.entries += 1;
  counts.files += entry.type === 'file' ? 1 : 0;
  counts.directories += entry.type === 'directory' ? 1 : 0;
  counts.symlinks += entry.type === 'symlink' ? 1 : 0;
  counts.gaps += entry.gap === undefined ? 0 : 1;
  counts.bytes += entry.length;
}
