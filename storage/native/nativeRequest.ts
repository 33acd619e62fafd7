import type { NativeOffers, NativeOpenMode } from './nativeFileSystem.ts';

/** What the worker asks a child process for: `connect` first, then the calls of `NativeFileSystem`, and `digest`. Bytes to write travel beside it. */
export type NativeRequest =
  | { readonly call: 'connect'; readonly settings: unknown }
  | { readonly call: 'open'; readonly path: string; readonly mode: NativeOpenMode }
  /** `at`: where the bytes go in the shared memory, and then only their number is answered. */
  | { readonly call: 'pread'; readonly handle: number; readonly position: number; readonly length: number; readonly at?: number }
  /** `at`: where the bytes are in the shared memory, `length` of them. */
  | { readonly call: 'pwrite'; readonly handle: number; readonly position: number; readonly at?: number; readonly length?: number }
  /** `digest`: SHA-256 of what was written into a file that this process made. */
  | { readonly call: 'digest' | 'fsync' | 'fstat' | 'close'; readonly handle: number }
  | { readonly call: 'stat' | 'unlink' | 'mkdir' | 'rmdir' | 'readdir' | 'syncFolder' | 'statvfs'; readonly path: string }
  | { readonly call: 'rename' | 'link'; readonly from: string; readonly to: string };

/** What `connect` is answered. */
export interface NativeConnected {
  readonly offers: NativeOffers;
  /** Number of an open file of the child: `SHARED_BLOCKS` blocks of memory. */
  readonly memory?: number | undefined;
}

/** The header of an answer. */
export interface NativeAnswer {
  readonly value?: unknown;
  /** Another frame of this answer follows. */
  readonly more?: boolean;
  readonly error?: { readonly code: string; readonly message: string; readonly connectionLost: boolean };
}
