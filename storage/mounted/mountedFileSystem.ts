import * as fs from 'node:fs';
import { systemErrorName } from '../posixFailure.ts';
import { NativeError } from '../native/nativeError.ts';
import type { NativeEntry, NativeFileSystem, NativeOffers, NativeOpenMode, NativeStatus } from '../native/nativeFileSystem.ts';
import type { MountGuard } from './mountGuard.ts';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY } = fs.constants;
const FLAGS: Readonly<Record<NativeOpenMode, number>> = { read: O_RDONLY, readWrite: O_RDWR, createNew: O_RDWR | O_CREAT | O_EXCL };
/** More is not left to the system's memory: bringing it to the server in one call at the end would look like a server that hangs. */
const UNSYNCED_BYTES = 16 * 1024 * 1024;
/** The handle of the mount point, or the mount, is of no use any more. */
const LOST = new Set(['ESTALE', 'EHOSTDOWN', 'EHOSTUNREACH', 'ETIMEDOUT', 'ENOTCONN', 'ECONNABORTED', 'EIO']);

/** A mounted share, by the calls of the operating system, which may hang: so in a process of its own. Everything happens below the handle of the guard. */
export class MountedFileSystem implements NativeFileSystem {
  readonly offers: NativeOffers = { fsync: true, durableNames: true, atomicReplace: true, link: false, blockBytes: 1024 * 1024 };
  readonly #guard: MountGuard;
  /** Looked at for whether it is still the same: then the mount is, too. */
  readonly #root: string;
  readonly #unsynced = new Map<number, number>();

  /** @param root path of the destination's folder below the mount point */
  constructor(guard: MountGuard, root: string) {
    this.#guard = guard;
    this.#root = root;
  }

  open(path: string, mode: NativeOpenMode): number {
    if (mode !== 'read') this.#checked('looking at the mount', () => this.#guard.check());
    return this.#checked(`opening ${path}`, () => fs.openSync(this.#at(path), FLAGS[mode] | O_NOFOLLOW, FILE_MODE));
  }

  pread(handle: number, buffer: Uint8Array, position: number): number {
    let filled = 0;
    while (filled < buffer.length) {
      const got = this.#checked('reading', () => fs.readSync(handle, buffer, filled, buffer.length - filled, position + filled));
      if (got === 0) break;
      filled += got;
    }
    return filled;
  }

  pwrite(handle: number, bytes: Uint8Array, position: number): void {
    for (let sent = 0; sent < bytes.length; ) sent += this.#checked('writing', () => fs.writeSync(handle, bytes, sent, bytes.length - sent, position + sent));
    const unsynced = (this.#unsynced.get(handle) ?? 0) + bytes.length;
    this.#unsynced.set(handle, unsynced);
    if (unsynced >= UNSYNCED_BYTES) this.fsync(handle);
  }

  fsync(handle: number): void {
    this.#checked('synchronizing', () => fs.fsyncSync(handle));
    this.#unsynced.delete(handle);
  }

  fstat(handle: number): NativeStatus {
    return this.#checked('looking at an open file', () => statusOf(fs.fstatSync(handle, { bigint: true })));
  }

  close(handle: number): void {
    this.#unsynced.delete(handle);
    this.#checked('closing', () => fs.closeSync(handle));
  }

  stat(path: string): NativeStatus {
    if (path === this.#root) this.#checked('looking at the mount', () => this.#guard.check());
    return this.#checked(`looking at ${path}`, () => statusOf(fs.lstatSync(this.#at(path), { bigint: true })));
  }

  rename(from: string, to: string): void {
    this.#checked('looking at the mount', () => this.#guard.check());
    this.#checked(`renaming ${from} to ${to}`, () => fs.renameSync(this.#at(from), this.#at(to)));
    this.#checked('looking at the mount', () => this.#guard.check());
  }

  unlink(path: string): void {
    this.#checked(`removing ${path}`, () => fs.unlinkSync(this.#at(path)));
  }

  mkdir(path: string): void {
    this.#checked('looking at the mount', () => this.#guard.check());
    this.#checked(`making ${path}`, () => fs.mkdirSync(this.#at(path), { mode: FOLDER_MODE }));
  }

  rmdir(path: string): void {
    this.#checked(`removing ${path}`, () => fs.rmdirSync(this.#at(path)));
  }

  *readdir(path: string): Generator<NativeEntry> {
    const folder = this.#checked(`listing ${path}`, () => fs.opendirSync(this.#at(path), { bufferSize: 256 }));
    try {
      for (let entry = this.#checked(`listing ${path}`, () => folder.readSync()); entry !== null; entry = this.#checked(`listing ${path}`, () => folder.readSync())) {
        yield { name: entry.name, kind: entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : 'other' };
      }
    } finally {
      folder.closeSync();
    }
  }

  syncFolder(path: string): void {
    this.#checked(`synchronizing ${path}`, () => {
      const handle = fs.openSync(this.#at(path), O_RDONLY | O_DIRECTORY);
      try {
        fs.fsyncSync(handle);
      } finally {
        fs.closeSync(handle);
      }
    });
  }

  statvfs(path: string): { readonly freeBytes: number; readonly totalBytes: number } {
    const { bavail, blocks, bsize } = this.#checked(`asking for the space of ${path}`, () => fs.statfsSync(this.#at(path)));
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  }

  disconnect(): void {
    fs.closeSync(this.#guard.handle);
  }

  #at(path: string): string {
    return `/proc/self/fd/${this.#guard.handle}${path === '/' ? '/.' : path}`;
  }

  #checked<T>(what: string, call: () => T): T {
    try {
      return call();
    } catch (error) {
      const code = systemErrorName(error);
      if (code === undefined) throw error;
      throw new NativeError(code, what, LOST.has(code));
    }
  }
}

function statusOf(status: fs.BigIntStats): NativeStatus {
  return { kind: status.isFile() ? 'file' : status.isDirectory() ? 'folder' : 'other', length: Number(status.size), mtimeMs: Number(status.mtimeMs), identity: `${status.dev}.${status.ino}` };
}
