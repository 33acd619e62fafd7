import { realpathSync } from 'node:fs';
import koffi from 'koffi';
import { NativeError } from '../native/nativeError.ts';

/** A pointer of the library. */
export type Pointer = bigint | object | null;

/** The functions of libnfs that are used. Those that return a number return less than 0 for an error. */
export interface Libnfs {
  nfs_init_context(): Pointer;
  nfs_parse_url_dir(context: Pointer, url: string): Pointer;
  nfs_destroy_url(url: Pointer): void;
  nfs_set_uid(context: Pointer, uid: number): void;
  nfs_set_gid(context: Pointer, gid: number): void;
  nfs_set_dircache(context: Pointer, enabled: number): void;
  nfs_set_autoreconnect(context: Pointer, retries: number): void;
  nfs_set_timeout(context: Pointer, milliseconds: number): void;
  nfs_mount(context: Pointer, server: string, path: string): number;
  nfs_umount(context: Pointer): number;
  nfs_destroy_context(context: Pointer): void;
  nfs_get_error(context: Pointer): string | null;
  nfs_set_error(context: Pointer, format: string): void;
  nfs_get_readmax(context: Pointer): number;
  nfs_get_writemax(context: Pointer): number;
  nfs_open2(context: Pointer, path: string, flags: number, mode: number, handle: [Pointer]): number;
  nfs_pread(context: Pointer, handle: Pointer, position: number, length: number, into: Uint8Array): number;
  nfs_pwrite(context: Pointer, handle: Pointer, position: number, length: number, bytes: Uint8Array): number;
  nfs_fsync(context: Pointer, handle: Pointer): number;
  nfs_fstat64(context: Pointer, handle: Pointer, status: BigUint64Array): number;
  nfs_close(context: Pointer, handle: Pointer): number;
  /** No part of its interface: a version may hide it. */
  readonly nfs_free_nfsfh: ((handle: Pointer) => void) | undefined;
  nfs_lstat64(context: Pointer, path: string, status: BigUint64Array): number;
  nfs_rename(context: Pointer, from: string, to: string): number;
  nfs_link(context: Pointer, path: string, other: string): number;
  nfs_unlink(context: Pointer, path: string): number;
  nfs_mkdir2(context: Pointer, path: string, mode: number): number;
  nfs_rmdir(context: Pointer, path: string): number;
  nfs_opendir(context: Pointer, path: string, folder: [Pointer]): number;
  nfs_readdir(context: Pointer, folder: Pointer): Pointer;
  nfs_closedir(context: Pointer, folder: Pointer): void;
  nfs_statvfs64(context: Pointer, path: string, state: BigUint64Array): number;
}

/** One name of a listing, as far as it is read: the structure goes on. */
export interface LibnfsEntry {
  readonly name: string;
  readonly type: number;
  readonly size: number;
  readonly mtime: { readonly seconds: number; readonly microseconds: number };
}

/** How libnfs is called in C. */
const DECLARATIONS = [
  'void *nfs_init_context()', 'void *nfs_parse_url_dir(void *, const char *)', 'void nfs_destroy_url(void *)', 'void nfs_set_uid(void *, int)', 'void nfs_set_gid(void *, int)', 'void nfs_set_dircache(void *, int)',
  'void nfs_set_autoreconnect(void *, int)', 'void nfs_set_timeout(void *, int)', 'int nfs_mount(void *, const char *, const char *)', 'int nfs_umount(void *)', 'void nfs_destroy_context(void *)', 'const char *nfs_get_error(void *)',
  'void nfs_set_error(void *, const char *, ...)', 'uint64_t nfs_get_readmax(void *)', 'uint64_t nfs_get_writemax(void *)', 'int nfs_open2(void *, const char *, int, int, _Out_ void **)',
  'int nfs_pread(void *, void *, uint64_t, uint64_t, void *)', 'int nfs_pwrite(void *, void *, uint64_t, uint64_t, const void *)', 'int nfs_fsync(void *, void *)', 'int nfs_fstat64(void *, void *, void *)', 'int nfs_close(void *, void *)',
  'int nfs_lstat64(void *, const char *, void *)', 'int nfs_rename(void *, const char *, const char *)', 'int nfs_link(void *, const char *, const char *)', 'int nfs_unlink(void *, const char *)', 'int nfs_mkdir2(void *, const char *, int)', 'int nfs_rmdir(void *, const char *)',
  'int nfs_opendir(void *, const char *, _Out_ void **)', 'void *nfs_readdir(void *, void *)', 'void nfs_closedir(void *, void *)', 'int nfs_statvfs64(void *, const char *, void *)',
];

/** The library, and how one of its listings is read. */
export interface LoadedLibnfs {
  readonly nfs: Libnfs;
  entryAt(pointer: Pointer): LibnfsEntry;
}

/**
 * Loads the first of these that is there, which must be libnfs 4 or 5: later versions take arguments in another order.
 * @param libraries paths, or names that the system's loader finds
 * @throws NativeError ELIBRARY
 */
export function loadLibnfs(libraries: readonly string[]): LoadedLibnfs {
  const problems: string[] = [];
  for (const library of libraries) {
    try {
      return loaded(library);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new NativeError('ELIBRARY', problems.join('; '));
}

function loaded(library: string): LoadedLibnfs {
  const version = /\.so\.(\d+)/.exec(library.startsWith('/') ? realpathSync(library) : library)?.[1];
  if (version !== '13' && version !== '14') throw new Error(`${library} is not version 4 or 5 of libnfs (libnfs.so.13, libnfs.so.14)`);
  const handle = koffi.load(library);
  const functions = DECLARATIONS.map((declaration) => [/(\w+)\(/.exec(declaration)![1]!, handle.func(declaration)] as const);
  const time = koffi.struct({ seconds: 'long', microseconds: 'long' });
  const entry = koffi.struct({ next: 'void *', name: 'const char *', inode: 'uint64_t', type: 'uint32_t', mode: 'uint32_t', size: 'uint64_t', atime: time, mtime: time });
  return { nfs: { ...(Object.fromEntries(functions) as unknown as Libnfs), nfs_free_nfsfh: hidden(handle) }, entryAt: (pointer) => koffi.decode(pointer, entry) as LibnfsEntry };
}

function hidden(handle: ReturnType<typeof koffi.load>): Libnfs['nfs_free_nfsfh'] {
  try {
    return handle.func('void nfs_free_nfsfh(void *)');
  } catch {
    return undefined;
  }
}
