import { randomBytes } from 'node:crypto';
import { Failure } from '../contracts/failure.ts';
import { FileChecksum } from '../protocols/webhdfs/fileChecksum.ts';
import type { HdfsStatus, WebHdfs } from '../protocols/webhdfs/webHdfs.ts';
import { WebHdfsError } from '../protocols/webhdfs/webHdfsError.ts';
import { checkedBody } from './checkedBody.ts';
import { hdfsFailure, isNotFound } from './hdfsFailure.ts';
import { compareWithSent } from './hdfsCompare.ts';
import type { HdfsSessionParts } from './hdfsSessionParts.ts';
import { TEMPORARY_FOLDER, encodeKey, encodePrefix } from './keyNames.ts';
import { beginningOf, isOf, temporaryName } from './temporaryName.ts';
import { listTree, type TreeChild } from './listTree.ts';
import { removeEmptyFolders } from './removeEmptyFolders.ts';
import type { ByteRange, PutExpectation, StorageSession, StoredObject, UnfinishedObject } from './storageDriver.ts';

const FILE_MODE = '600';
const FOLDER_MODE = '700';
const SWEPT_AT_ONCE = 1000;
/** A concurrent `remove` may prune the folder we just made, a concurrent `put` replace what we read: each round, somebody else made progress. */
const ROUNDS = 20;

/**
 * A folder of an HDFS. Objects are written under a temporary name, compared by length and HDFS's own checksum with what was sent
 * (a connection that breaks leaves a shorter file that looks complete), and published by a rename that replaces atomically.
 */
export class HdfsSession implements StorageSession {
  readonly #parts: HdfsSessionParts;
  readonly #hdfs: WebHdfs;
  #hasTemporaryFolder = false;

  constructor(parts: HdfsSessionParts) {
    this.#parts = parts;
    this.#hdfs = parts.client;
  }

  async put(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, signal?: AbortSignal): Promise<void> {
    await this.#store(key, body, expected, true, signal);
  }

  async create(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, signal?: AbortSignal): Promise<boolean> {
    return await this.#store(key, body, expected, false, signal);
  }

  /** Returns whether it has its name: without `replace` only where nothing else had it. */
  async #store(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, replace: boolean, signal: AbortSignal | undefined): Promise<boolean> {
    const path = this.#at(encodeKey(key));
    const what = this.#what(key);
    const { blockSize, bytesPerChecksum, replication } = this.#parts;
    const temporary = this.#at(`${TEMPORARY_FOLDER}/${temporaryName(this.#parts.writer)}`);
    await this.#assertRoot(signal);
    try {
      if (!this.#hasTemporaryFolder) await this.#io(what, () => this.#hdfs.mkdirs(this.#at(TEMPORARY_FOLDER), FOLDER_MODE, signal));
      this.#hasTemporaryFolder = true;
      const checksum = blockSize % bytesPerChecksum === 0 ? new FileChecksum(blockSize, bytesPerChecksum) : undefined;
      const counted = tapped(checkedBody(body, expected, what, signal), (block) => checksum?.update(block));
      await this.#io(what, () => this.#hdfs.create(temporary, counted, { overwrite: true, length: expected.length, replication, blockSize, permission: FILE_MODE }, signal));
      await this.#io(what, () => compareWithSent(this.#parts, temporary, expected, checksum?.digest(), what, signal));
      const made = await this.#publish(temporary, path, what, replace, signal);
      await this.#assertRoot(signal);
      if (!made) await this.#discard(temporary);
      return made;
    } catch (error) {
      await this.#discard(temporary);
      throw signal?.aborted === true ? error : await this.#orFull(error, expected.length, what);
    }
  }

  /** A DataNode that may not go on closes the connection, often before its reason is heard: the quota is asked then. */
  async #orFull(error: unknown, length: number, what: string): Promise<unknown> {
    if (!(error instanceof Failure && error.code === 'E_DESTINATION_UNREACHABLE')) return error;
    const quota = await this.#hdfs.quotaUsage(this.#parts.root).catch(() => undefined);
    if (quota === undefined || quota.spaceQuota < 0 || quota.spaceConsumed + length * this.#parts.replication <= quota.spaceQuota) return error;
    return new Failure('E_DESTINATION_FULL', `the space quota of ${quota.spaceQuota} bytes leaves no room for ${what}`, { cause: error });
  }

  async *get(key: string, range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const path = this.#at(encodeKey(key));
    const what = this.#what(key);
    for (let round = 1; ; round++) {
      const status = await this.#file(path, what, signal);
      if (status === undefined) {
        await this.#assertRoot(signal);
        throw new Failure('E_OBJECT_NOT_FOUND', `there is no ${what}`);
      }
      const offset = range?.offset ?? 0;
      const length = range?.length ?? status.length;
      if (offset + length > status.length) throw new Failure('E_CORRUPT', `bytes ${offset} to ${offset + length} asked of ${status.length}: ${what}`);
      let begun = false;
      try {
        // By inode, so that these are bytes of the file whose length was just read, whatever is published under its name meanwhile.
        for await (const chunk of this.#hdfs.open(`/.reserved/.inodes/${status.fileId}`, offset, length, signal)) {
          begun = true;
          yield chunk;
        }
        return;
      } catch (error) {
        if (!(error instanceof WebHdfsError)) throw error;
        if (!isNotFound(error)) throw hdfsFailure(error, what);
        if (begun || round >= ROUNDS) throw new Failure('E_DESTINATION_UNREACHABLE', `replaced while it was read: ${what}`, { cause: error });
      }
    }
  }

  async stat(key: string, signal?: AbortSignal): Promise<{ readonly length: number } | undefined> {
    const status = await this.#file(this.#at(encodeKey(key)), this.#what(key), signal);
    if (status !== undefined) return { length: status.length };
    await this.#assertRoot(signal);
    return undefined;
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<StoredObject> {
    await this.#assertRoot(signal);
    const measure = async (path: string): Promise<number | undefined> => (await this.#file(this.#at(path), path, signal))?.length;
    yield* listTree({ children: (path) => this.#children(path, signal), measure }, prefix, signal);
    // A root that went away while it was listed looks like an empty one.
    await this.#assertRoot(signal);
  }

  async remove(key: string, signal?: AbortSignal): Promise<void> {
    const path = this.#at(encodeKey(key));
    const what = this.#what(key);
    await this.#assertRoot(signal);
    if ((await this.#file(path, what, signal)) !== undefined) await this.#io(what, () => this.#hdfs.delete(path, {}, signal));
    for (let folder = parentOf(path); folder !== this.#parts.root && (await this.#removeFolder(folder, what, signal)); folder = parentOf(folder));
  }

  /** What the DataNodes have left, or the quota of the root if that is less, in bytes of objects: replicas are counted off. */
  async space(signal?: AbortSignal): Promise<{ readonly freeBytes: number | undefined; readonly totalBytes: number | undefined }> {
    const { root, shown, replication } = this.#parts;
    await this.#assertRoot(signal);
    const beans = await this.#io(shown, () => this.#hdfs.jmx('Hadoop:service=NameNode,name=FSNamesystem', signal)).catch((error: unknown) => {
      // An administrator may have closed that page; the NameNode answered the line above.
      if (error instanceof Failure && error.code === 'E_DESTINATION_DENIED') return [];
      throw error;
    });
    const quota = await this.#io(shown, () => this.#hdfs.quotaUsage(root, signal));
    const hasQuota = quota.spaceQuota >= 0;
    const remaining = numberOf(beans[0]?.['CapacityRemaining']);
    const capacity = numberOf(beans[0]?.['CapacityTotal']);
    const least = (a: number | undefined, b: number | undefined): number | undefined => {
      const smaller = a === undefined ? b : b === undefined ? a : Math.min(a, b);
      return smaller === undefined ? undefined : Math.max(0, Math.floor(smaller / replication));
    };
    return {
      freeBytes: least(remaining, hasQuota ? quota.spaceQuota - quota.spaceConsumed : undefined),
      totalBytes: least(capacity, hasQuota ? quota.spaceQuota : undefined),
    };
  }

  async *unfinished(signal?: AbortSignal): AsyncGenerator<UnfinishedObject> {
    await this.#assertRoot(signal);
    for await (const { name, isFolder, length } of this.#children(TEMPORARY_FOLDER, signal)) {
      if (!isFolder) yield { key: `${TEMPORARY_FOLDER}/${name}`, length: length ?? 0, ...beginningOf(name) };
    }
  }

  async sweep(olderThanMs: number, signal?: AbortSignal, below?: string): Promise<readonly string[]> {
    const folder = this.#at(TEMPORARY_FOLDER);
    await this.#assertRoot(signal);
    const probe = `${folder}/now-${randomBytes(8).toString('hex')}`;
    const old: string[] = [];
    await this.#io(folder, async () => {
      // Ages are measured by the clock that stamps the files: the NameNode's.
      await this.#hdfs.mkdirs(probe, FOLDER_MODE, signal);
      try {
        const now = (await this.#hdfs.status(probe, signal)).modificationTime;
        for await (const page of this.#hdfs.listPaged(folder, {}, signal)) {
          for (const { type, pathSuffix, modificationTime } of page) {
            if (type === 'FILE' && (now - modificationTime >= olderThanMs || isOf(this.#parts.writer, pathSuffix)) && old.length < SWEPT_AT_ONCE) old.push(pathSuffix);
          }
          if (old.length >= SWEPT_AT_ONCE) break;
        }
      } finally {
        await this.#hdfs.delete(probe).catch(() => {});
      }
      for (const name of old) await this.#hdfs.delete(`${folder}/${name}`, {}, signal);
    });
    if (below !== undefined) await removeEmptyFolders({ children: (path) => this.#children(path, signal), removeFolder: (path) => this.#removeFolder(this.#at(path), path, signal) }, encodePrefix(below));
    return old.map((name) => `${TEMPORARY_FOLDER}/${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hdfs[Symbol.asyncDispose]();
  }

  #at(path: string): string {
    return path === '' ? this.#parts.root : `${this.#parts.root}/${path}`;
  }

  #what(key: string): string {
    return `${key} in ${this.#parts.shown}`;
  }

  async #io<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw hdfsFailure(error, what);
    }
  }

  /** @throws Failure E_DESTINATION_UNREACHABLE when the root is not the folder this session opened. */
  async #assertRoot(signal: AbortSignal | undefined): Promise<void> {
    const { root, rootId, shown } = this.#parts;
    signal?.throwIfAborted();
    const status = await this.#io(shown, () => this.#hdfs.statusOrUndefined(root, signal));
    if (status?.fileId === rootId) return;
    throw new Failure('E_DESTINATION_UNREACHABLE', `${shown} is ${status === undefined ? 'gone' : 'not the folder it was when it was opened'}`, { hint: 'was it renamed or deleted? put it back; a run goes on by itself' });
  }

  async #file(path: string, what: string, signal: AbortSignal | undefined): Promise<HdfsStatus | undefined> {
    try {
      const status = await this.#hdfs.status(path, signal);
      return status.type === 'FILE' ? status : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw hdfsFailure(error, what);
    }
  }

  /** Removes a folder if it is empty. Returns whether it is gone. */
  async #removeFolder(path: string, what: string, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      await this.#hdfs.delete(path, {}, signal);
    } catch (error) {
      if (error instanceof WebHdfsError && /NotEmpty|non empty/i.test(`${error.exception} ${error.message}`)) return false;
      if (!isNotFound(error)) throw hdfsFailure(error, what);
    }
    return true;
  }

  async *#children(path: string, signal: AbortSignal | undefined): AsyncGenerator<TreeChild> {
    try {
      for await (const page of this.#hdfs.listPaged(this.#at(path), {}, signal)) {
        for (const { pathSuffix, type, length } of page) {
          if (pathSuffix !== '' && type !== 'SYMLINK') yield { name: pathSuffix, isFolder: type === 'DIRECTORY', length };
        }
      }
    } catch (error) {
      if (!isNotFound(error)) throw hdfsFailure(error, `${path} in ${this.#parts.shown}`);
    }
  }

  /**
   * Removes a temporary file after a failure, without the signal: it is owed also after an abort. A DataNode whose client went away
   * may make the file only now, hence the second look. What cannot be removed is swept later.
   */
  async #discard(temporary: string): Promise<void> {
    try {
      if (await this.#hdfs.delete(temporary)) return;
      await new Promise((resolve) => setTimeout(resolve, 250));
      await this.#hdfs.delete(temporary);
    } catch {
      // The failure that led here is the one to tell.
    }
  }

  async #publish(temporary: string, path: string, what: string, replace: boolean, signal: AbortSignal | undefined): Promise<boolean> {
    for (let round = 1; ; round++) {
      try {
        await this.#hdfs.rename(temporary, path, { overwrite: replace }, signal);
        return true;
      } catch (error) {
        if (!replace && error instanceof WebHdfsError && error.kind === 'exists') return false;
        if (!isNotFound(error) || round >= ROUNDS) throw hdfsFailure(error, what);
        if ((await this.#file(temporary, what, signal)) === undefined) {
          throw new Failure('E_DESTINATION_UNREACHABLE', `the temporary file of ${what} was removed while it was written`, { cause: error });
        }
        await this.#assertRoot(signal);
        await this.#io(what, () => this.#hdfs.mkdirs(parentOf(path), FOLDER_MODE, signal));
      }
    }
  }
}

async function* tapped(blocks: AsyncIterable<Uint8Array>, see: (block: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const block of blocks) {
    see(block);
    yield block;
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined;
}
