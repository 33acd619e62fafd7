/** One line of a snapshot diff. Paths are relative to the snapshottable directory; '' is the directory itself. */
export interface SnapshotDiff {
  readonly type: 'CREATE' | 'MODIFY' | 'DELETE' | 'RENAME';
  readonly path: string;
  /** RENAME only: where it is now. */
  readonly target?: string;
}

/** A snapshottable directory. */
export interface SnapshotListing {
  readonly path: string;
  readonly snapshotCount: number;
  readonly snapshotQuota: number;
}
