import { constants } from 'node:fs';
import { NativeError } from '../native/nativeError.ts';
import type { NativeEntry, NativeFileSystem, NativeOffers, NativeOpenMode, NativeStatus } from '../native/nativeFileSystem.ts';
import { loadLibnfs, type Libnfs, type LibnfsEntry, type Pointer } from './libnfs.ts';
import { nfsError } from './nfsError.ts';

/** What the worker tells a child process: a mounted export, on one connection. */
export interface NfsSettings {
  /** Paths, or names for the system's loader: the first that is there. */
  readonly libraries: readonly string[];
  readonly server: string;
  readonly export: string;
  readonly nfsPort?: number | undefined;
  readonly mountPort?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly timeoutSeconds: number;
}

const FLAGS: Readonly<Record<NativeOpenMode, number>> = {
  read: constants.O_RDONLY | constants.O_NOFOLLOW,
  createNew: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
  readWrite: constants.O_RDWR | constants.O_NOFOLLOW,
};
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** More than one request per call is not how libnfs is used elsewhere: in such calls it has defects. */
const LARGEST_BLOCK = 1024 * 1024;
/** A large object goes onto the medium while more of it, and others, come: at its end there is little to wait for. */
const SYNCHRONIZED_BYTES = 64 * 1024 * 1024;
/** `NF3REG` and `NF3DIR`. */
const KINDS: Readonly<Record<number, 'file' | 'folder'>> = { 1: 'file', 2: 'folder' };
/** Types of files in the bits of a mode. */
const MODE_KINDS: Readonly<Record<number, 'file' | 'folder'>> = { [constants.S_IFREG]: 'file', [constants.S_IFDIR]: 'folder' };

/** An export of an NFS server, version 3, through libnfs: one connection, one call at a time. A connection that breaks is not made anew: what was
 * written on it and not yet synchronized may be lost with it, and only a new beginning of the file finds that out. */
export function connectNfs(settings: unknown): NativeFileSystem {
  const place = settings as NfsSettings;
  const { nfs, entryAt } = loadLibnfs(place.libraries);
  const context = nfs.nfs_init_context();
  const ports = [...(place.nfsPort === undefined ? [] : [`nfsport=${place.nfsPort}`]), ...(place.mountPort === undefined ? [] : [`mountport=${place.mountPort}`])];
  // The only way to tell the version and the ports.
  const url = nfs.nfs_parse_url_dir(context, `nfs://server/export?${['version=3', ...ports].join('&')}`);
  if (url === null) throw new NativeError('EINVAL', nfs.nfs_get_error(context) ?? 'libnfs does not take the ports');
  nfs.nfs_destroy_url(url);
  nfs.nfs_set_autoreconnect(context, 0);
  nfs.nfs_set_dircache(context, 0);
  // The worker gives up earlier; this is for a child whose worker died.
  nfs.nfs_set_timeout(context, place.timeoutSeconds * 2000);
  if (place.uid !== undefined) nfs.nfs_set_uid(context, place.uid);
  if (place.gid !== undefined) nfs.nfs_set_gid(context, place.gid);
  const mounted = nfs.nfs_mount(context, place.server, place.export);
  if (mounted < 0) throw nfsError(`mounting ${place.server}:${place.export}`, mounted, nfs.nfs_get_error(context) ?? '');
  return new NfsFileSystem(nfs, context, entryAt);
}

class NfsFileSystem implements NativeFileSystem {
  readonly offers: NativeOffers;
  readonly #nfs: Libnfs;
  readonly #context: Pointer;
  readonly #entryAt: (pointer: Pointer) => LibnfsEntry;
  readonly #handles = new Map<number, Pointer>();
  #lastHandle = 0;

  constructor(nfs: Libnfs, context: Pointer, entryAt: (pointer: Pointer) => LibnfsEntry) {
    this.#nfs = nfs;
    this.#context = context;
    this.#entryAt = entryAt;
    const blockBytes = Math.min(LARGEST_BLOCK, nfs.nfs_get_readmax(context), nfs.nfs_get_writemax(context));
    // COMMIT brings bytes onto the medium; what changes names is there before it is answered (RFC 1813, 4.8).
    this.offers = { fsync: true, durableNames: true, atomicReplace: true, link: true, blockBytes };
  }

  open(path: string, mode: NativeOpenMode): number {
    const opened: [Pointer] = [null];
    this.#check('opening', this.#nfs.nfs_open2(this.#context, path, FLAGS[mode], FILE_MODE, opened));
    this.#handles.set(++this.#lastHandle, opened[0]);
    return this.#lastHandle;
  }

  pread(handle: number, buffer: Uint8Array, position: number): number {
    let filled = 0;
    while (filled < buffer.length) {
      const rest = buffer.subarray(filled, filled + this.offers.blockBytes);
      const got = this.#check('reading', this.#nfs.nfs_pread(this.#context, this.#handle(handle), position + filled, rest.length, rest));
      if (got === 0) break;
      filled += got;
    }
    return filled;
  }

  pwrite(handle: number, bytes: Uint8Array, position: number): void {
    for (let sent = 0; sent < bytes.length; ) {
      const rest = bytes.subarray(sent, sent + this.offers.blockBytes);
      sent += this.#check('writing', this.#nfs.nfs_pwrite(this.#context, this.#handle(handle), position + sent, rest.length, rest));
    }
    if (Math.floor((position + bytes.length) / SYNCHRONIZED_BYTES) > Math.floor(position / SYNCHRONIZED_BYTES)) this.fsync(handle);
  }

  fsync(handle: number): void {
    this.#check('synchronizing', this.#nfs.nfs_fsync(this.#context, this.#handle(handle)));
  }

  fstat(handle: number): NativeStatus {
    const status = new BigUint64Array(17);
    this.#check('looking', this.#nfs.nfs_fstat64(this.#context, this.#handle(handle), status));
    return statusOf(status);
  }

  close(handle: number): void {
    const pointer = this.#handle(handle);
    this.#handles.delete(handle);
    // The server knows of no open files, and the library would synchronize once more whatever was written.
    if (this.#nfs.nfs_free_nfsfh !== undefined) return this.#nfs.nfs_free_nfsfh(pointer);
    this.#check('closing', this.#nfs.nfs_close(this.#context, pointer));
  }

  stat(path: string): NativeStatus {
    const status = new BigUint64Array(17);
    this.#check('looking', this.#nfs.nfs_lstat64(this.#context, path, status));
    return statusOf(status);
  }

  rename(from: string, to: string): void {
    this.#check('renaming', this.#nfs.nfs_rename(this.#context, from, to));
  }

  link(path: string, other: string): void {
    this.#check('naming', this.#nfs.nfs_link(this.#context, path, other));
  }

  unlink(path: string): void {
    this.#check('removing', this.#nfs.nfs_unlink(this.#context, path));
  }

  mkdir(path: string): void {
    this.#check('making a folder', this.#nfs.nfs_mkdir2(this.#context, path, FOLDER_MODE));
  }

  rmdir(path: string): void {
    this.#check('removing', this.#nfs.nfs_rmdir(this.#context, path));
  }

  *readdir(path: string): Generator<NativeEntry> {
    const opened: [Pointer] = [null];
    this.#check('listing', this.#nfs.nfs_opendir(this.#context, path, opened));
    try {
      for (let at = this.#nfs.nfs_readdir(this.#context, opened[0]); at !== null; at = this.#nfs.nfs_readdir(this.#context, opened[0])) {
        const { name, type, size, mtime } = this.#entryAt(at);
        if (name !== '.' && name !== '..') yield { name, kind: KINDS[type] ?? 'other', length: size, mtimeMs: mtime.seconds * 1000 + mtime.microseconds / 1000 };
      }
    } finally {
      this.#nfs.nfs_closedir(this.#context, opened[0]);
    }
  }

  statvfs(path: string): { readonly freeBytes: number; readonly totalBytes: number } {
    const state = new BigUint64Array(11);
    this.#check('asking for the space', this.#nfs.nfs_statvfs64(this.#context, path, state));
    const [, fragment, blocks, , available] = state;
    return { freeBytes: Number(fragment! * available!), totalBytes: Number(fragment! * blocks!) };
  }

  disconnect(): void {
    this.#nfs.nfs_umount(this.#context);
    this.#nfs.nfs_destroy_context(this.#context);
  }

  #handle(handle: number): Pointer {
    const pointer = this.#handles.get(handle);
    if (pointer === undefined) throw new NativeError('EBADF', `no open file ${handle}`);
    return pointer;
  }

  #check(what: string, status: number): number {
    if (status >= 0) return status;
    const message = this.#nfs.nfs_get_error(this.#context) ?? '';
    // It stays there for the next error, which may say nothing of its own.
    this.#nfs.nfs_set_error(this.#context, '');
    throw nfsError(what, status, message);
  }
}

/** `struct nfs_stat_64`: device, inode, mode … size (7) … mtime (11) … its nanoseconds (14). */
function statusOf(fields: BigUint64Array): NativeStatus {
  const [device, inode, mode, links] = fields;
  return {
    kind: MODE_KINDS[Number(mode) & constants.S_IFMT] ?? 'other',
    length: Number(fields[7]),
    mtimeMs: Number(fields[11]) * 1000 + Number(fields[14]) / 1e6,
    // A server that has an exported folder open still tells of it when it was removed, as of one that no name leads to.
    identity: `${device!.toString(16)}.${inode}${links === 0n ? ' removed' : ''}`,
  };
}
