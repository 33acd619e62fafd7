import type { NativeOpenMode } from './nativeFileSystem.ts';

/** What the worker asks a child process for: `connect` first, then the calls of `NativeFileSystem`. Bytes to write travel beside it. */
export type NativeRequest =
  | { readonly call: 'connect'; readonly settings: unknown }
  | { readonly call: 'open'; readonly path: string; readonly mode: NativeOpenMode }
  | { readonly call: 'pread'; readonly handle: number; readonly position: number; readonly length: number }
  | { readonly call: 'pwrite'; readonly handle: number; readonly position: number }
  | { readonly call: 'fsync' | 'fstat' | 'close'; readonly handle: number }
  | { readonly call: 'stat' | 'unlink' | 'mkdir' | 'rmdir' | 'readdir' | 'syncFolder' | 'statvfs'; readonly path: string }
  | { readonly call: 'rename'; readonly from: string; readonly to: string };

/** The header of an answer. */
export interface NativeAnswer {
  readonly value?: unknown;
  /** Another frame of this answer follows. */
  readonly more?: boolean;
  readonly error?: { readonly code: string; readonly message: string; readonly connectionLost: boolean };
}
