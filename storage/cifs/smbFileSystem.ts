import { constants } from 'node:fs';
import { NativeError } from '../native/nativeError.ts';
import type { NativeEntry, NativeFileSystem, NativeOffers, NativeOpenMode, NativeStatus } from '../native/nativeFileSystem.ts';
import { asideOf, isAside } from '../asideName.ts';
import { lastSmbError, smbEntryAt, type SmbCalls, type SmbSpace, type SmbStat } from './smbCalls.ts';
import type { SmbSettings } from './smbSettings.ts';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const FOLDER_ATTRIBUTE = 0x10;
/** Reparse point, device: nothing of ours. */
const OTHER_ATTRIBUTES = 0x440;
const FROM_START = 0;
const FLAGS: Readonly<Record<NativeOpenMode, number>> = { read: constants.O_RDONLY, readWrite: constants.O_RDWR, createNew: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL };
/** What the library says when there is no connection any more, or when what comes over it cannot be believed. */
const LOST = new Set(['ETIMEDOUT', 'ECONNRESET', 'ECONNABORTED', 'ECONNREFUSED', 'ENOTCONN', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH', 'EIO', 'EPROTO']);
/** Code of a `NativeError`: the server encrypts nothing where that is wanted. */
export const NOT_ENCRYPTED = 'ENOENCRYPTION';
/** What the library says, too, when a signature is wrong or something cannot be decrypted. */
const REFUSED = new Set(['EACCES', 'EPERM', 'EINVAL']);
/** Whoever has a file open keeps others from renaming or removing it. Mostly that is over in a moment. */
const BUSY = ['EBUSY'];
/** A folder that is being removed is still there, but no more to be used, which the library calls so. Making and removing folders may be repeated. */
const FOLDER_BUSY = ['EBUSY', 'EINVAL'];
const BUSY_PAUSE_MS = 5;
/** What the library does not say: between its return and our look, something else in this thread had an error of its own (errno(3)). */
const OVERWRITTEN = new Set(['EAGAIN', 'EINTR']);
const MOST_LOST = 5;
/** Other readers and writers of the same object may come in between; each round, one of them made progress. */
const ROUNDS = 20;

/** What the library tells beside its answers. */
export interface SmbSeen {
  /** Bytes were changed on the way. */
  readonly damaged: boolean;
  /** A connection was refused because it is not encrypted. */
  readonly unencrypted: boolean;
}

/**
 * A share of an SMB server, by libsmbclient. What the library cannot do: flush, rename onto an existing file in one step (it removes that first),
 * and open a file so that others may rename it meanwhile. So an object that is replaced steps aside (asideName.ts), and what is open is waited for.
 */
export class SmbFileSystem implements NativeFileSystem {
  // Measured: with a share that synchronizes each write, smaller blocks halve the speed.
  readonly offers: NativeOffers = { fsync: false, durableNames: false, atomicReplace: false, link: false, blockBytes: 4 * 1024 * 1024 };
  readonly #calls: SmbCalls;
  readonly #context: unknown;
  readonly #share: string;
  readonly #patienceMs: number;
  readonly #seen: SmbSeen;

  constructor(calls: SmbCalls, context: unknown, { server, share, timeoutSeconds }: Pick<SmbSettings, 'server' | 'share' | 'timeoutSeconds'>, seen: SmbSeen) {
    this.#seen = seen;
    this.#calls = calls;
    this.#context = context;
    // Encoded, an IPv6 address is none with a port.
    this.#share = `smb://${encodeURIComponent(server)}/${encodeURIComponent(share)}`;
    this.#patienceMs = Math.min(5000, timeoutSeconds * 400);
  }

  open(path: string, mode: NativeOpenMode): number {
    const open = (at: string): number => this.#whenFree(`opening ${at}`, () => this.#calls.open(this.#url(at), FLAGS[mode], FILE_MODE));
    return mode === 'createNew' ? open(path) : this.#orAside(path, open);
  }

  pread(handle: number, buffer: Uint8Array, position: number): number {
    this.#checkOpen('reading', this.#calls.seek(handle, position, FROM_START));
    let filled = 0;
    while (filled < buffer.length) {
      const got = this.#checkOpen('reading', this.#calls.read(handle, buffer.subarray(filled), buffer.length - filled));
      if (got === 0) break;
      filled += got;
    }
    return filled;
  }

  pwrite(handle: number, bytes: Uint8Array, position: number): void {
    this.#checkOpen('writing', this.#calls.seek(handle, position, FROM_START));
    for (let sent = 0; sent < bytes.length; ) sent += this.#checkOpen('writing', this.#calls.write(handle, bytes.subarray(sent), bytes.length - sent));
  }

  /** The library has no call for it. */
  fsync(): void {}

  fstat(handle: number): NativeStatus {
    const status = {} as SmbStat;
    this.#checkOpen('looking at an open file', this.#calls.statHandle(handle, status));
    return statusOf(status);
  }

  close(handle: number): void {
    this.#checkOpen('closing', this.#calls.close(handle));
  }

  stat(path: string): NativeStatus {
    return statusOf(this.#orAside(path, (at) => this.#statAt(at)));
  }

  rename(from: string, to: string): void {
    const aside = asideOf(to);
    for (let round = 1; ; round++) {
      const there = this.#find(to);
      if (there !== undefined && there.kind !== 'file') throw new NativeError('EISDIR', `renaming ${from} to ${to}: that is a ${there.kind}`);
      // It could step aside, but not go then.
      if (there?.isReadOnly === true) throw readOnly(`renaming ${from} to ${to}`);
      try {
        if (there !== undefined) this.#move(to, aside);
        this.#move(from, to);
        break;
      } catch (error) {
        // Another writer was quicker: what was there is gone, or something is there again.
        if (!(error instanceof NativeError) || !['ENOENT', 'EEXIST'].includes(error.code) || round >= ROUNDS || this.#find(from) === undefined || this.#find(parentOf(to)) === undefined) throw error;
      }
    }
    this.#removeFile(aside);
  }

  unlink(path: string): void {
    // Server and library would remove an empty folder as well.
    const there = this.#find(path);
    if (there?.kind === 'folder') throw new NativeError('EISDIR', `removing ${path}: a folder`);
    if (there?.isReadOnly === true) throw readOnly(`removing ${path}`);
    this.#removeFile(asideOf(path));
    this.#whenFree(`removing ${path}`, () => this.#calls.unlink(this.#url(path)));
  }

  mkdir(path: string): void {
    this.#whenFree(`making ${path}`, () => this.#calls.makeFolder(this.#url(path), FOLDER_MODE), FOLDER_BUSY);
  }

  rmdir(path: string): void {
    this.#whenFree(`removing ${path}`, () => this.#calls.removeFolder(this.#url(path)), FOLDER_BUSY);
    // While another one still looks at it, it is not gone, and the folder around it not empty.
    this.#whenFree(`removing ${path}`, () => (this.#calls.stat(this.#url(path), {}) < 0 && lastSmbError() === 'EINVAL' ? -1 : 0), FOLDER_BUSY);
  }

  *readdir(path: string): Generator<NativeEntry> {
    const handle = this.#check(`listing ${path}`, () => this.#calls.openFolder(this.#url(path)));
    const aside = new Map<string, NativeEntry>();
    const seen = new Set<string>();
    try {
      for (let at = this.#calls.nextEntry(handle); at !== null; at = this.#calls.nextEntry(handle)) {
        const { name, attributes, size, modified } = smbEntryAt(at);
        if (name === '.' || name === '..') continue;
        const kind = (attributes & FOLDER_ATTRIBUTE) !== 0 ? 'folder' : (attributes & OTHER_ATTRIBUTES) !== 0 ? 'other' : 'file';
        const entry: NativeEntry = { name, kind, length: size, mtimeMs: modified.seconds * 1000 + modified.nanoseconds / 1e6 };
        const owner = kind === 'file' ? isAside(name) : undefined;
        if (owner === undefined) seen.add(name);
        else aside.set(owner, { ...entry, name: owner });
        if (owner === undefined) yield entry;
      }
    } finally {
      this.#calls.closeFolder(handle);
    }
    for (const [name, entry] of aside) if (!seen.has(name)) yield entry;
  }

  statvfs(path: string): { readonly freeBytes: number; readonly totalBytes: number } {
    const space = {} as SmbSpace;
    this.#check(`asking for the space of ${path}`, () => this.#calls.space(this.#url(path), space));
    const unit = space.sectorBytes * space.sectors;
    return { freeBytes: space.available * unit, totalBytes: space.blocks * unit };
  }

  disconnect(): void {
    this.#calls.freeContext(this.#context, 1);
  }

  #url(path: string): string {
    // The library decodes what looks like an escape.
    return path === '/' ? this.#share : `${this.#share}${path.split('/').map(encodeURIComponent).join('/')}`;
  }

  #statAt(path: string): SmbStat {
    const status = {} as SmbStat;
    this.#check(`looking at ${path}`, () => this.#calls.stat(this.#url(path), status));
    return status;
  }

  /** `isReadOnly`: marked so, which the library shows as a mode without the right to write. */
  #find(path: string): { readonly kind: NativeStatus['kind']; readonly isReadOnly: boolean } | undefined {
    try {
      const status = this.#statAt(path);
      return { kind: statusOf(status).kind, isReadOnly: (status.mode & constants.S_IWUSR) === 0 };
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw error;
    }
  }

  /** What is at a path, else what stepped aside from there; and again, as it may come back in between. */
  #orAside<T>(path: string, look: (at: string) => T): T {
    for (const at of [path, asideOf(path)]) {
      try {
        return look(at);
      } catch (error) {
        if (!isAbsence(error)) throw error;
      }
    }
    return look(path);
  }

  #move(from: string, to: string): void {
    this.#whenFree(`renaming ${from} to ${to}`, () => this.#calls.rename(this.#url(from), this.#url(to)));
  }

  #removeFile(path: string): void {
    try {
      this.#whenFree(`removing ${path}`, () => this.#calls.unlink(this.#url(path)));
    } catch (error) {
      if (!isAbsence(error)) throw error;
    }
  }

  /** Asks again while somebody has it open, for a while. */
  #whenFree(what: string, call: () => number, busy: readonly string[] = BUSY): number {
    for (const begin = performance.now(); ; ) {
      const { answer, code } = this.#ask(call);
      if (answer >= 0) return answer;
      if (!busy.includes(code) || this.#seen.damaged || performance.now() - begin > this.#patienceMs) throw this.#error(what, code);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_PAUSE_MS);
    }
  }

  /**
   * Asks once more when it is denied: that is also what a server says when a request was changed on the way, and to take that for lost rights would end
   * a run. And a few times more when the reason got lost. The reason is looked at only here, right after the call.
   */
  #ask(call: () => number): { readonly answer: number; readonly code: string } {
    let denied = 0;
    for (let lost = 0; ; ) {
      const answer = call();
      const code = answer < 0 ? lastSmbError() : '';
      if (code === 'EACCES' && denied === 0 && !this.#seen.damaged) denied += 1;
      else if (OVERWRITTEN.has(code) && lost < MOST_LOST) lost += 1;
      else return { answer, code };
    }
  }

  #check(what: string, call: () => number): number {
    const { answer, code } = this.#ask(call);
    if (answer < 0) throw this.#error(what, code);
    return answer;
  }

  /** For what is open already: nobody is refused what he was granted before, so then it is the connection; or somebody has locked a part of the file. */
  #checkOpen(what: string, answer: number): number {
    if (answer >= 0) return Number(answer);
    const code = lastSmbError();
    throw REFUSED.has(code) ? new NativeError('EPROTO', this.#seen.damaged ? damaged(what) : `${what}: refused, though it is open: somebody has locked it, or the request was changed on the way`, true) : this.#error(what, code);
  }

  #error(what: string, code: string): NativeError {
    if (this.#seen.unencrypted) return new NativeError(NOT_ENCRYPTED, `${what}: the server does not encrypt`, true);
    if (this.#seen.damaged && REFUSED.has(code)) return new NativeError('EPROTO', damaged(what), true);
    return new NativeError(code, code === 'EBUSY' ? `${what}: somebody has it open` : what, LOST.has(code));
  }
}

function damaged(what: string): string {
  return `${what}: what came back is not what the server sent, or the other way round`;
}

/** The library calls it an invalid argument, and only of removing. */
function readOnly(what: string): NativeError {
  return new NativeError('EACCES', `${what}: it is marked read-only on the server`);
}

function isAbsence(error: unknown): boolean {
  return error instanceof NativeError && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function statusOf({ mode, size, modified, inode }: SmbStat): NativeStatus {
  const kind = mode & constants.S_IFMT;
  return { kind: kind === constants.S_IFREG ? 'file' : kind === constants.S_IFDIR ? 'folder' : 'other', length: Number(size), mtimeMs: modified.seconds * 1000 + modified.nanoseconds / 1e6, identity: String(inode) };
}
