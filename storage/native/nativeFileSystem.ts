/** What a client library can do, on the server it is connected to. */
export interface NativeOffers {
  /** `fsync` brings the bytes of a file onto the server's medium; else it does nothing. */
  readonly fsync: boolean;
  /** Names that were made, renamed or removed are on the medium when the call returns, or `syncFolder` brings them there. */
  readonly durableNames: boolean;
  /** `rename` onto an existing file replaces it in one step. */
  readonly atomicReplace: boolean;
  /** A file may have another name. */
  readonly link: boolean;
  /** Most bytes that one `pread` or `pwrite` should be given. */
  readonly blockBytes: number;
}

export interface NativeStatus {
  readonly kind: 'file' | 'folder' | 'other';
  readonly length: number;
  /** By the clock that stamps the files: the server's. */
  readonly mtimeMs: number;
  /** The same for the same file or folder, and for no other that is there at the same time; undefined where the library does not tell. */
  readonly identity: string | undefined;
}

export interface NativeEntry {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'other';
  /** Where the listing tells it. */
  readonly length?: number | undefined;
  readonly mtimeMs?: number | undefined;
}

export type NativeOpenMode = 'read' | 'createNew' | 'readWrite';

/**
 * A client library of a file server, connected, as the child process uses it: synchronous, one call after the other. Paths are absolute within
 * the export or share (`/` is its root), made of names that hold no `/`. Symbolic links are never followed in the last name.
 * Every method throws `NativeError`.
 */
export interface NativeFileSystem {
  readonly offers: NativeOffers;
  /** A handle, a small number. `createNew` fails with EEXIST, makes a file only its owner may read, and opens it for reading and writing. */
  open(path: string, mode: NativeOpenMode): number;
  /** Fills the buffer as far as the file goes; fewer bytes only at its end. */
  pread(handle: number, buffer: Uint8Array, position: number): number;
  /** Writes all of it. */
  pwrite(handle: number, bytes: Uint8Array, position: number): void;
  fsync(handle: number): void;
  fstat(handle: number): NativeStatus;
  close(handle: number): void;
  stat(path: string): NativeStatus;
  /** Replaces an existing file, in one step where `offers.atomicReplace`. */
  rename(from: string, to: string): void;
  /** Gives a file another name, that nothing has: else EEXIST. Only where `offers.link`. */
  link?(path: string, other: string): void;
  unlink(path: string): void;
  /** A folder only its owner may enter. */
  mkdir(path: string): void;
  rmdir(path: string): void;
  /** Without `.` and `..`, in any order. */
  readdir(path: string): Iterable<NativeEntry>;
  /** Absent where names need none. */
  syncFolder?(path: string): void;
  /** Free (for this user) and total bytes of the file system of a folder; undefined where the server does not say. */
  statvfs(path: string): { readonly freeBytes: number | undefined; readonly totalBytes: number | undefined };
  disconnect(): void;
}
