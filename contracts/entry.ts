/** A value that survives JSON unchanged. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * One thing of a data source at its point in time: a file, a directory, a table dump.
 * What a source can say of it is in `attributes`; the bytes are elsewhere (see `Piece` in backupset/).
 */
export interface Entry {
  /** Where it is in its source: an absolute HDFS path, or a relative name such as `databases/hivemeta/schema.sql`. */
  readonly key: string;
  readonly type: 'file' | 'directory' | 'symlink';
  /** Bytes of content; 0 for directories and symlinks. */
  readonly length: number;
  /** What the source knows about it and the destination cannot carry: owner, mode, times, ACL ... Small. */
  readonly attributes: { readonly [name: string]: Json };
  /** Why its content is not in the set, when it is not. An entry with a gap has no content. */
  readonly gap?: string;
}

/** What planning a copy yields, in the order of `compareKeys`. */
export type Change =
  | {
      readonly op: 'put';
      readonly entry: Entry;
      /**
       * The key this entry had in the parent set when its content is known, or strongly believed, to be unchanged: the content is
       * then referenced instead of read. `same` lists attributes that must agree between the parent's entry and this one for that to hold.
       */
      readonly was?: { readonly key: string; readonly same: readonly string[] };
    }
  /** The entry of this key and everything below it (`key/…`) is not in the source any more. Sorts before a `put` of the same key. */
  | { readonly op: 'remove'; readonly key: string };
