import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../contracts/failure.ts';
import { checkedBody } from '../checkedBody.ts';
import { TEMPORARY_FOLDER, encodeKey, encodePrefix } from '../keyNames.ts';
import { listTree, type TreeChild } from '../listTree.ts';
import { orAborted } from '../orAborted.ts';
import { removeEmptyFolders } from '../removeEmptyFolders.ts';
import type { SftpChannel } from './sftpChannel.ts';
import type { SftpConnection, SftpLease } from './sftpConnection.ts';
import { sftpFailure, type SftpAttempt } from './sftpFailure.ts';
import { SftpFiles } from './sftpFiles.ts';
import { parentOf, type SftpFolders } from './sftpFolders.ts';
import type { SftpLink } from './sftpLink.ts';
import { asideOf } from '../asideName.ts';
import { linkFile } from './sftpLinkFile.ts';
import { replaceFile } from './sftpReplace.ts';
import type { SftpRoot } from './sftpRoot.ts';
import { hasStatus, sftpCodes } from './sftpStatus.ts';
import { readObject, sendBlocks } from './sftpTransfer.ts';
import type { ByteRange, PutExpectation, StorageSession, StoredObject, UnfinishedObject } from '../storageDriver.ts';
import { beginningOf, isOf, temporaryName } from '../temporaryName.ts';

/** What an open SFTP destination knows. The link is closed with the session. */
export interface SftpSessionParts {
  readonly link: SftpLink;
  readonly root: SftpRoot;
  readonly folders: SftpFolders;
  /** How to name the destination in messages. */
  readonly shown: string;
  /** Whose temporary files are made. */
  readonly writer: string | undefined;
  readonly found: NonNullable<StorageSession['found']>;
}

const FILE_MODE = 0o600;
type Publish = (channel: SftpChannel, from: string, to: string) => Promise<void>;

const SWEPT_AT_ONCE = 1000;
/** A concurrent `remove` may prune the folder we just made; each round means that somebody else made progress. */
const ROUNDS = 20;
/** How long a temporary file may take to go after a failure; it is swept later. */
const DISCARD_MS = 5000;

/** A folder of an SFTP server. Objects are written under a temporary name, synchronized where the server does that, and published by a rename. */
export class SftpSession implements StorageSession {
  readonly found: NonNullable<StorageSession['found']>;
  readonly reusable = true;
  readonly #link: SftpLink;
  readonly #root: SftpRoot;
  readonly #folders: SftpFolders;
  readonly #files: SftpFiles;
  readonly #shown: string;
  readonly #writer: string | undefined;
  /** A temporary file was made: the folder of them was there. */
  #hadTemporaries = false;

  constructor(parts: SftpSessionParts) {
    this.#link = parts.link;
    this.#root = parts.root;
    this.#folders = parts.folders;
    this.#files = new SftpFiles(parts.folders);
    this.#shown = parts.shown;
    this.#writer = parts.writer;
    this.found = parts.found;
  }

  async put(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, signal?: AbortSignal): Promise<void> {
    await this.#store(key, body, expected, replaceFile, signal);
  }

  async create(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, signal?: AbortSignal): Promise<boolean | undefined> {
    if (!(await this.#using({ what: this.#what(key) }, signal, async ({ offers }) => offers.hardlink))) return undefined;
    let made: boolean | undefined;
    await this.#store(key, body, expected, async (...names) => { made = await linkFile(...names); }, signal);
    return made;
  }

  /** @param publish gives the whole temporary file its name; both paths are as the server knows them */
  async #store(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, publish: Publish, signal: AbortSignal | undefined): Promise<void> {
    const path = encodeKey(key);
    const temporary = `${TEMPORARY_FOLDER}/${temporaryName(this.#writer)}`;
    const attempt = { what: this.#what(key), bytes: expected.length };
    // Stopped by itself, as it has to clean up.
    await this.#using(attempt, signal, async (channel, what, connection) => {
      const opening = this.#createTemporary(channel, connection, temporary);
      const handle = await orAborted(opening, signal).catch((error: unknown) => {
        opening.then((late) => this.#discard(channel, late, temporary), () => {});
        throw error;
      });
      try {
        const { written } = await sendBlocks(channel, handle, checkedBody(body, expected, what, signal), signal);
        // All at once: requests on one handle are done in their order. The body is known to be good, so its folder may be made.
        const folder = this.#folders.syncs ? this.#folders.makeDurable(channel, parentOf(path)) : undefined;
        const answers = Promise.all([channel.fstat(handle), written, channel.offers.fsync ? channel.fsync(handle) : undefined, channel.close(handle), folder]);
        const [{ size }] = await orAborted(answers, signal);
        if (size !== expected.length) throw new Failure('E_DESTINATION_UNREACHABLE', `the server kept ${size} of ${expected.length} bytes of ${what}; nothing was stored`);
        await this.#publish(channel, connection, temporary, path, what, publish);
      } catch (error) {
        // Told before the space is given back.
        const told = await sftpFailure(error, { what, bytes: expected.length }, this.#stateOf(channel));
        await this.#discard(channel, handle, temporary);
        throw told;
      }
    }, true);
  }

  async *get(key: string, range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const what = this.#what(key);
    const path = encodeKey(key);
    for (let bytes = range?.length; ; ) {
      using lease = await this.#lease(signal, bytes);
      const { channel, connection } = lease;
      try {
        const opened = await orAborted(this.#files.open(channel, path), signal);
        if (opened === undefined) {
          await this.#root.assert(channel, connection);
          throw new Failure('E_OBJECT_NOT_FOUND', `there is no ${what}`);
        }
        const { handle, length } = opened;
        try {
          if (bytes === undefined && this.#link.isLarge(length)) {
            // How much it is, is known only now: once more, where it is not in the way of others.
            bytes = length;
            continue;
          }
          return yield* readObject(channel, { handle, length }, range, what, signal);
        } finally {
          // Nothing hangs on it.
          channel.close(handle).catch(() => {});
        }
      } catch (error) {
        throw await sftpFailure(error, { what }, this.#stateOf(channel));
      }
    }
  }

  async stat(key: string, signal?: AbortSignal): Promise<{ readonly length: number } | undefined> {
    const path = encodeKey(key);
    return await this.#using({ what: this.#what(key) }, signal, async (channel, _what, connection) => {
      // Asked for at the same time: without an object, that the root is there has to be known, too.
      const rooted = this.#root.assert(channel, connection);
      rooted.catch(() => {});
      const length = await this.#files.measure(channel, path);
      if (length !== undefined) return { length };
      await rooted;
      return undefined;
    });
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<StoredObject> {
    using lease = await this.#lease(signal);
    const { channel, connection } = lease;
    try {
      const rooted = this.#root.assert(channel, connection);
      rooted.catch(() => {});
      const children = async (path: string): Promise<readonly TreeChild[]> => (await orAborted(Promise.all([this.#files.children(channel, path), rooted]), signal))[0];
      const measure = (path: string): Promise<number | undefined> => this.#files.measure(channel, path);
      yield* listTree({ children, measure }, prefix, signal);
      // A root that went away while it was listed looks like an empty one.
      await orAborted(this.#root.assert(channel, connection), signal);
    } catch (error) {
      throw await sftpFailure(error, { what: this.#shown }, this.#stateOf(channel));
    }
  }

  async remove(key: string, signal?: AbortSignal): Promise<void> {
    const path = encodeKey(key);
    await this.#using({ what: this.#what(key) }, signal, async (channel, _what, connection) => {
      for (const each of channel.offers.posixRename ? [path] : [asideOf(path), path]) {
        await channel.unlink(this.#folders.at(each)).catch(async (error: unknown) => {
          if (await this.#files.isAbsence(channel, error, each)) return await this.#root.assert(channel, connection);
          // A folder is no object.
          if ((await this.#files.measureAt(channel, each)) !== undefined) throw error;
        });
      }
      await this.#folders.prune(channel, parentOf(path));
    });
  }

  async space(signal?: AbortSignal): Promise<{ readonly freeBytes: number | undefined; readonly totalBytes: number | undefined }> {
    return await this.#using({ what: this.#shown }, signal, async (channel, _what, connection) => {
      await this.#root.assert(channel, connection);
      if (!channel.offers.statvfs) return { freeBytes: undefined, totalBytes: undefined };
      const { freeBytes, totalBytes } = await channel.statvfs(this.#folders.at(''));
      return { freeBytes, totalBytes };
    });
  }

  async *unfinished(signal?: AbortSignal): AsyncGenerator<UnfinishedObject> {
    yield* await this.#using({ what: `temporary objects of ${this.#shown}` }, signal, async (channel, _what, connection) => {
      await this.#root.assert(channel, connection);
      const entries = await this.#files.entries(channel, TEMPORARY_FOLDER);
      return entries.flatMap(({ filename: name, attrs }) => (attrs.isFile() ? [{ key: `${TEMPORARY_FOLDER}/${name}`, length: attrs.size, ...beginningOf(name) }] : []));
    });
  }

  async sweep(olderThanMs: number, signal?: AbortSignal, below?: string): Promise<readonly string[]> {
    return await this.#using({ what: `temporary objects of ${this.#shown}`, bytes: 0 }, signal, async (channel, _what, connection) => {
      // Ages are measured by the clock that stamps the files: the server's.
      const probe = `${TEMPORARY_FOLDER}/now-${randomBytes(8).toString('hex')}`;
      const handle = await this.#createTemporary(channel, connection, probe);
      const swept: string[] = [];
      try {
        const [{ mtime }, entries] = await Promise.all([channel.fstat(handle), this.#files.entries(channel, TEMPORARY_FOLDER), channel.close(handle)]);
        const now = mtime * 1000;
        for (const { filename: name, attrs } of entries) {
          signal?.throwIfAborted();
          const path = `${TEMPORARY_FOLDER}/${name}`;
          if (path === probe || !attrs.isFile() || (now - attrs.mtime * 1000 < olderThanMs && !isOf(this.#writer, name))) continue;
          await channel.unlink(this.#folders.at(path)).then(() => swept.push(path), (error: unknown) => {
            if (!hasStatus(error, sftpCodes.noSuchFile)) throw error;
          });
          if (swept.length >= SWEPT_AT_ONCE) break;
        }
      } finally {
        await channel.unlink(this.#folders.at(probe)).catch(() => {});
      }
      if (below !== undefined) await removeEmptyFolders({ children: (path) => this.#files.children(channel, path), removeFolder: (path) => this.#folders.remove(channel, path) }, encodePrefix(below));
      return swept;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link[Symbol.asyncDispose]();
  }

  #what(key: string): string {
    return `${key} in ${this.#shown}`;
  }

  #stateOf(channel: SftpChannel) {
    return channel.offers.statvfs && !channel.ended ? () => channel.statvfs(this.#folders.at('')) : undefined;
  }

  async #lease(signal: AbortSignal | undefined, bytes?: number): Promise<SftpLease> {
    signal?.throwIfAborted();
    const pending = this.#link.lease(bytes);
    return await orAborted(pending, signal).catch((error: unknown) => {
      // Who no longer waits does not use it either.
      pending.then((lease) => lease[Symbol.dispose](), () => {});
      throw error;
    });
  }

  /** Runs it on a channel; statuses become failures. */
  async #using<T>(attempt: SftpAttempt, signal: AbortSignal | undefined, work: (channel: SftpChannel, what: string, connection: SftpConnection) => Promise<T>, stopsItself = false): Promise<T> {
    using lease = await this.#lease(signal, attempt.bytes);
    const { channel, connection } = lease;
    try {
      const done = work(channel, attempt.what, connection);
      return await (stopsItself ? done : orAborted(done, signal));
    } catch (error) {
      throw await sftpFailure(error, attempt, this.#stateOf(channel));
    }
  }

  async #createTemporary(channel: SftpChannel, connection: SftpConnection, path: string): Promise<Buffer> {
    const create = (): Promise<Buffer> => channel.open(this.#folders.at(path), 'wx', FILE_MODE);
    const created = await create().catch(async (error: unknown) => {
      if (!hasStatus(error, sftpCodes.noSuchFile, sftpCodes.noSuchPath)) throw error;
      await this.#root.assert(channel, connection);
      // Nobody removes it: another folder of the same disk is told by nothing else.
      if (this.#hadTemporaries) throw new Failure('E_DESTINATION_UNREACHABLE', `${this.#shown} is not the folder it was, or lost ${TEMPORARY_FOLDER}`, { hint: 'was it replaced, or its disk unmounted? bring it back; a run goes on by itself' });
      await this.#folders.make(channel, TEMPORARY_FOLDER);
      return await create();
    });
    this.#hadTemporaries = true;
    return created;
  }

  async #publish(channel: SftpChannel, connection: SftpConnection, temporary: string, path: string, what: string, publish: Publish): Promise<void> {
    for (let round = 1; ; round++) {
      try {
        return await this.#folders.sync(channel, parentOf(path), publish(channel, this.#folders.at(temporary), this.#folders.at(path)));
      } catch (error) {
        if (!(await this.#files.isAbsence(channel, error, path)) || round >= ROUNDS) throw error;
        this.#folders.forget();
        await this.#root.assert(channel, connection);
        if ((await this.#files.measureAt(channel, temporary)) === undefined) {
          throw new Failure('E_DESTINATION_UNREACHABLE', `the temporary file of ${what} was removed while it was written`, { cause: error });
        }
        if (this.#folders.syncs) await this.#folders.makeDurable(channel, parentOf(path));
        else await this.#folders.make(channel, parentOf(path));
      }
    }
  }

  /** Removes a temporary file after a failure. What a server does not remove now is swept later. */
  async #discard(channel: SftpChannel, handle: Buffer, temporary: string): Promise<void> {
    if (channel.ended) return;
    const gone = Promise.allSettled([channel.close(handle), channel.unlink(this.#folders.at(temporary))]);
    await Promise.race([gone, sleep(DISCARD_MS, undefined, { ref: false })]);
  }
}
