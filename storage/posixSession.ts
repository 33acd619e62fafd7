import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../contracts/failure.ts';
import { checkedBody } from './checkedBody.ts';
import { TEMPORARY_FOLDER, encodeKey, encodePrefix } from './keyNames.ts';
import { beginningOf, isOf, temporaryName } from './temporaryName.ts';
import { listTree, type TreeChild } from './listTree.ts';
import { ignoreExisting, isAbsence, renameToNew, syncFolder, writeAll } from './posixCalls.ts';
import { FOLDER_MODE, PosixFolders } from './posixFolders.ts';
import { posixFailure, systemErrorName } from './posixFailure.ts';
import { removeEmptyFolders } from './removeEmptyFolders.ts';
import type { RootIdentity } from './rootIdentity.ts';
import type { ByteRange, PutExpectation, StorageSession, StoredObject, UnfinishedObject } from './storageDriver.ts';

/** Larger is no faster, smaller is. */
const READ_BYTES = 1024 * 1024;
const SWEPT_AT_ONCE = 1000;
/** Backups hold what their sources protect: nobody but the worker's user reads them. */
const FILE_MODE = 0o600;
/** A concurrent `remove` may prune the folder we just made; each round means that somebody else made progress. */
const PUBLISH_ROUNDS = 20;

/**
 * A folder tree of the operating system as a destination. The root is opened once and everything happens below that handle, so that
 * an unmount in the middle cannot divert a write into the folder beneath the mount; and before an object is published or reported
 * absent, the path must still lead to the same folder.
 * @param root an existing folder, absolute
 * @param shown how to name the destination in messages
 * @param writer whose temporary files are made
 * @throws Failure as of `StorageDriver.open`
 */
export async function openPosixSession(root: string, shown: string, writer?: string): Promise<StorageSession> {
  const handle = await fs.open(root, constants.O_RDONLY | constants.O_DIRECTORY).catch((error: unknown) => {
    throw posixFailure(error, shown);
  });
  try {
    const { dev, ino } = await handle.stat({ bigint: true });
    return new PosixSession(handle, { root, shown, writer, dev, ino });
  } catch (error) {
    await handle.close();
    throw posixFailure(error, shown);
  }
}

class PosixSession implements StorageSession {
  readonly #handle: fs.FileHandle;
  readonly #identity: RootIdentity;
  readonly #folders: PosixFolders;
  readonly localFile = (key: string): string => this.#at(encodeKey(key));

  constructor(handle: fs.FileHandle, identity: RootIdentity) {
    this.#handle = handle;
    this.#identity = identity;
    this.#folders = new PosixFolders((path) => this.#at(path));
  }

  async put(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, signal?: AbortSignal): Promise<void> {
    await this.#store(key, body, expected, (temporary, path) => fs.rename(temporary, path), signal);
  }

  async create(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, signal?: AbortSignal): Promise<boolean | undefined> {
    let made: boolean | undefined;
    await this.#store(key, body, expected, async (temporary, path) => { made = await renameToNew(temporary, path); }, signal);
    return made;
  }

  /** @param publish gives the whole temporary file its name; both paths are as the operating system takes them */
  async #store(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, publish: (temporary: string, path: string) => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    const path = encodeKey(key);
    const what = this.#what(key);
    signal?.throwIfAborted();
    const temporary = `${TEMPORARY_FOLDER}/${temporaryName(this.#identity.writer)}`;
    try {
      const file = await this.#createTemporary(temporary, what);
      try {
        for await (const block of checkedBody(body, expected, what, signal)) await this.#io(what, () => writeAll(file, block));
        await this.#io(what, () => file.sync());
        const { size } = await this.#io(what, () => file.stat());
        if (size !== expected.length) throw new Failure('E_DESTINATION_UNREACHABLE', `the file system kept ${size} of ${expected.length} bytes of ${what}; nothing was stored`);
      } finally {
        // After the sync a failing close means nothing, and before it another error is on its way.
        await file.close().catch(() => {});
      }
      await this.#assertRoot();
      await this.#publish(temporary, path, what, publish);
      await this.#assertRoot();
    } catch (error) {
      await fs.unlink(this.#at(temporary)).catch(() => {});
      throw error;
    }
  }

  async *get(key: string, range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const what = this.#what(key);
    signal?.throwIfAborted();
    const file = await fs.open(this.localFile(key), constants.O_RDONLY | constants.O_NOFOLLOW).catch(async (error: unknown) => {
      if (!isAbsence(error)) throw posixFailure(error, what);
      throw await this.#notFound(what, error);
    });
    try {
      const status = await this.#io(what, () => file.stat());
      if (!status.isFile()) throw await this.#notFound(what, undefined);
      let position = range?.offset ?? 0;
      const end = range === undefined ? status.size : range.offset + range.length;
      if (end > status.size) throw new Failure('E_CORRUPT', `bytes ${position} to ${end} asked of ${status.size}: ${what}`);
      while (position < end) {
        signal?.throwIfAborted();
        const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, end - position));
        const { bytesRead } = await this.#io(what, () => file.read(buffer, 0, buffer.length, position));
        if (bytesRead === 0) throw new Failure('E_CORRUPT', `ends at ${position} instead of ${end}: ${what}`);
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async stat(key: string, signal?: AbortSignal): Promise<{ readonly length: number } | undefined> {
    signal?.throwIfAborted();
    const length = await this.#measure(encodeKey(key));
    if (length !== undefined) return { length };
    await this.#assertRoot();
    return undefined;
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<StoredObject> {
    signal?.throwIfAborted();
    await this.#assertRoot();
    yield* listTree({ children: (path) => this.#children(path), measure: (path) => this.#measure(path) }, prefix, signal);
    // A root that went away while it was listed looks like an empty one.
    await this.#assertRoot();
  }

  async remove(key: string, signal?: AbortSignal): Promise<void> {
    const path = encodeKey(key);
    const what = this.#what(key);
    signal?.throwIfAborted();
    await this.#assertRoot();
    try {
      if ((await fs.lstat(this.#at(path))).isFile()) await fs.unlink(this.#at(path));
    } catch (error) {
      if (!isAbsence(error)) throw posixFailure(error, what);
    }
    await this.#io(what, () => this.#folders.prune(dirname(path)));
  }

  async space(signal?: AbortSignal): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    signal?.throwIfAborted();
    await this.#assertRoot();
    const { bavail, blocks, bsize } = await this.#io(this.#identity.shown, () => fs.statfs(this.#at('')));
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  }

  async *unfinished(signal?: AbortSignal): AsyncGenerator<UnfinishedObject> {
    signal?.throwIfAborted();
    await this.#assertRoot();
    for await (const { name, isFolder } of this.#children(TEMPORARY_FOLDER)) {
      signal?.throwIfAborted();
      const key = `${TEMPORARY_FOLDER}/${name}`;
      const length = isFolder ? undefined : await this.#measure(key);
      if (length !== undefined) yield { key, length, ...beginningOf(name) };
    }
  }

  async sweep(olderThanMs: number, signal?: AbortSignal, below?: string): Promise<readonly string[]> {
    signal?.throwIfAborted();
    await this.#assertRoot();
    const what = `${this.#identity.shown}/${TEMPORARY_FOLDER}`;
    const swept: string[] = [];
    // Ages are measured by the clock that stamps the files: that of the file system, which may be a server's.
    const probe = `${TEMPORARY_FOLDER}/now-${randomBytes(8).toString('hex')}`;
    const file = await this.#createTemporary(probe, what);
    try {
      const now = (await this.#io(what, () => file.stat())).mtimeMs;
      const folder = await this.#io(what, () => fs.opendir(this.#at(TEMPORARY_FOLDER)));
      for await (const { name } of folder) {
        signal?.throwIfAborted();
        const path = `${TEMPORARY_FOLDER}/${name}`;
        if (path === probe) continue;
        try {
          const status = await fs.lstat(this.#at(path));
          if (!status.isFile() || (now - status.mtimeMs < olderThanMs && !isOf(this.#identity.writer, name))) continue;
          await fs.unlink(this.#at(path));
          swept.push(path);
        } catch (error) {
          if (!isAbsence(error)) throw posixFailure(error, what);
        }
        if (swept.length >= SWEPT_AT_ONCE) break;
      }
    } finally {
      await file.close();
      await fs.unlink(this.#at(probe)).catch(() => {});
    }
    if (below !== undefined) await removeEmptyFolders({ children: (path) => this.#children(path), removeFolder: (path) => this.#io(what, () => this.#folders.remove(path)) }, encodePrefix(below));
    return swept;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  #at(path: string): string {
    return path === '' ? `/proc/self/fd/${this.#handle.fd}/.` : `/proc/self/fd/${this.#handle.fd}/${path}`;
  }

  #what(key: string): string {
    return `${key} in ${this.#identity.shown}`;
  }

  async #io<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw posixFailure(error, what);
    }
  }

  /** @throws Failure E_DESTINATION_UNREACHABLE when the path does not lead to the folder this session opened (unmounted, deleted, replaced). */
  async #assertRoot(): Promise<void> {
    const { root, shown, dev, ino } = this.#identity;
    const now = await this.#io(shown, async () => await fs.stat(root, { bigint: true }).catch((error: unknown) => {
      if (!isAbsence(error)) throw error;
      return undefined;
    }));
    if (now?.dev !== dev || now.ino !== ino) {
      throw new Failure('E_DESTINATION_UNREACHABLE', `${shown} is ${now === undefined ? 'gone' : 'not the folder it was when it was opened'}`, { hint: 'was it unmounted or replaced? mount it again; a run goes on by itself' });
    }
  }

  async #notFound(what: string, cause: unknown): Promise<Failure> {
    await this.#assertRoot();
    return new Failure('E_OBJECT_NOT_FOUND', `there is no ${what}`, { cause });
  }

  async #measure(path: string): Promise<number | undefined> {
    try {
      const status = await fs.lstat(this.#at(path));
      return status.isFile() ? status.size : undefined;
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw posixFailure(error, `${path} in ${this.#identity.shown}`);
    }
  }

  async *#children(path: string): AsyncGenerator<TreeChild> {
    try {
      for await (const entry of await fs.opendir(this.#at(path), { bufferSize: 256 })) {
        // Symbolic links and devices are nobody's objects.
        if (entry.isFile() || entry.isDirectory()) yield { name: entry.name, isFolder: entry.isDirectory() };
      }
    } catch (error) {
      if (!isAbsence(error)) throw posixFailure(error, `${path} in ${this.#identity.shown}`);
    }
  }

  async #createTemporary(path: string, what: string): Promise<fs.FileHandle> {
    const create = (): Promise<fs.FileHandle> => fs.open(this.#at(path), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, FILE_MODE);
    const created = await create().catch((error: unknown) => {
      if (!isAbsence(error)) throw posixFailure(error, what);
    });
    if (created !== undefined) return created;
    await this.#assertRoot();
    return await this.#io(what, async () => {
      await fs.mkdir(this.#at(TEMPORARY_FOLDER), { mode: FOLDER_MODE }).catch(ignoreExisting);
      return await create();
    });
  }

  async #publish(temporary: string, path: string, what: string, publish: (temporary: string, path: string) => Promise<void>): Promise<void> {
    const folder = dirname(path) === '.' ? '' : dirname(path);
    for (let round = 1; ; round++) {
      try {
        await this.#folders.make(folder);
        await publish(this.#at(temporary), this.#at(path));
        await syncFolder(this.#at(folder));
        return;
      } catch (error) {
        if (systemErrorName(error) !== 'ENOENT') throw posixFailure(error, what);
        this.#folders.forgetAll();
        await this.#assertRoot();
        await fs.lstat(this.#at(temporary)).catch((cause: unknown) => {
          throw new Failure('E_DESTINATION_UNREACHABLE', `the temporary file of ${what} was removed while it was written`, { cause });
        });
        if (round >= PUBLISH_ROUNDS) throw posixFailure(error, what);
      }
    }
  }
}
