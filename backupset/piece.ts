import type { Entry } from '../contracts/entry.ts';

/**
 * A stretch of an entry's content and where it is stored: raw bytes [offset, offset+length) of the content are `length` bytes of the consecutive
 * frames that lie at [frameOffset, frameOffset+storedLength) of the pack, after the first `skip` raw bytes of them. See docs/format.md.
 */
export interface Piece {
  readonly offset: number;
  readonly length: number;
  /** Lower-case hex. SHA-256 of the raw bytes; of a piece longer than chunkBytes: SHA-256 of the concatenated SHA-256s of its chunks. */
  readonly digest: string;
  /** Digest, and so name, of the pack. */
  readonly pack: string;
  readonly packLength: number;
  readonly frameOffset: number;
  readonly storedLength: number;
  readonly skip: number;
}

/** An entry with the places of its content; absent where there is none (directories, symlinks, gaps, empty files). */
export type IndexedEntry = Entry & { readonly pieces?: readonly Piece[] };
