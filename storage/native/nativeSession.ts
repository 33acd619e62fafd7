import { hash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../contracts/failure.ts';
import { checkDigest } from '../checkDigest.ts';
import { countedBody } from '../countedBody.ts';
import { TEMPORARY_FOLDER, encodeKey, encodePrefix, type Naming } from '../keyNames.ts';
import { listTree, type TreeChild } from '../listTree.ts';
import { orAborted } from '../orAborted.ts';
import { removeEmptyFolders } from '../removeEmptyFolders.ts';
import type { ByteRange, PutExpectation, StorageSession, StoredObject, UnfinishedObject } from '../storageDriver.ts';
import { beginningOf, isOf, temporaryName } from '../temporaryName.ts';
import type { NativeClient } from './nativeClient.ts';
import { hasNativeCode, isNativeAbsence, nativeFailure } from './nativeFailure.ts';
import type { NativeEntry } from './nativeFileSystem.ts';
import { parentOf, type NativeFolders } from './nativeFolders.ts';
import type { NativeLanes, NativeLease } from './nativeLanes.ts';
import { linkFile } from './nativeLinkFile.ts';
import type { NativeSessionParts } from './nativeSessionParts.ts';
import { readAhead, sendBlocks } from './nativeTransfer.ts';

type Publish = (client: NativeClient, from: string, to: string) => Promise<void>;

const SWEPT_AT_ONCE = 1000;
/** A concurrent `remove` may prune the folder we just made; each round means that somebody else made progress. */
const ROUNDS = 20;
/** How long a temporary file may take to go after a failure; it is swept later. */
const DISCARD_MS = 5000;

/** A folder of a file server behind a client library. Objects are written under a temporary name, synchronized where the library does that, and published by a rename. */
export class NativeSession implements StorageSession {
  readonly found: NonNullable<StorageSession['found']>;
  readonly reusable: boolean;
  readonly #lanes: NativeLanes;
  readonly #folders: NativeFolders;
  readonly #naming: Naming;
  readonly #identity: string | undefined;
  readonly #shown: string;
  readonly #writer: string | undefined;

  constructor(parts: NativeSessionParts) {
    this.#lanes = parts.lanes;
    this.#folders = parts.folders;
    this.#naming = parts.naming;
    this.#identity = parts.identity;
    this.#shown = parts.shown;
    this.#writer = parts.writer;
    this.found = parts.found;
    this.reusable = parts.reusable;
  }

  async put(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, signal?: AbortSignal): Promise<void> {
    await this.#store(key, body, expected, (client, from, to) => client.rename(from, to), signal);
  }

  async create(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, signal?: AbortSignal): Promise<boolean | undefined> {
    if (!(await this.#using(this.#what(key), signal, async ({ offers }) => offers.link))) return undefined;
    let made: boolean | undefined;
    await this.#store(key, body, expected, async (...names) => { made = await linkFile(...names); }, signal);
    return made;
  }

  /** @param publish gives the whole temporary file its name; both paths are as the library knows them */
  async #store(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, publish: Publish, signal: AbortSignal | undefined): Promise<void> {
    const path = encodeKey(key, this.#naming);
    const temporary = `${TEMPORARY_FOLDER}/${temporaryName(this.#writer)}`;
    // Stopped by itself, as it has to clean up.
    await this.#using(this.#what(key), signal, async (client, what) => {
      const opening = this.#createTemporary(client, temporary);
      const handle = await orAborted(opening, signal).catch((error: unknown) => {
        opening.then((late) => this.#discard(client, late, temporary), () => {});
        throw error;
      });
      try {
        const { written } = await sendBlocks(client, handle, countedBody(body, expected, what, signal), expected.length, signal);
        // All at once: the child does them in their order. The root is looked at last. The digest is taken there, too: here it would be the work of one thread for all.
        const readBack = expected.length > client.offers.blockBytes ? undefined : client.read(handle, 0, expected.length);
        const answers = Promise.all([client.fstat(handle), readBack, client.digest(handle), written, client.fsync(handle), client.close(handle), this.#assertRoot(client)]);
        const [{ length }, bytes, digest] = await orAborted(answers, signal);
        if (length !== expected.length) throw new Failure('E_DESTINATION_UNREACHABLE', `the server kept ${length} of ${expected.length} bytes of ${what}; nothing was stored`);
        checkDigest(digest, expected, what);
        if (bytes !== undefined && hash('sha256', bytes) !== expected.sha256) throw new Failure('E_DESTINATION_UNREACHABLE', `${what} came back different from what was sent; nothing was stored`, { hint: 'something between here and the server damages data' });
        await this.#publish(client, temporary, path, what, publish);
      } catch (error) {
        await this.#discard(client, handle, temporary);
        throw error;
      }
    }, true);
  }

  async *get(key: string, range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const what = this.#what(key);
    using lease = await this.#lease(signal);
    for (let round = 1; ; round++) {
      let begun = false;
      try {
        for await (const block of this.#read(lease.client, key, range, what, signal)) {
          begun = true;
          yield block;
        }
        return;
      } catch (error) {
        if (!hasNativeCode(error, 'ESTALE')) throw nativeFailure(error, what);
        // A server that knows no open files: it was replaced or removed. From the beginning, as long as nobody saw that.
        if (begun || round >= ROUNDS) throw new Failure('E_DESTINATION_UNREACHABLE', `${what} was replaced or removed while it was read`, { hint: 'read it again', cause: error });
      }
    }
  }

  async stat(key: string, signal?: AbortSignal): Promise<{ readonly length: number } | undefined> {
    const path = encodeKey(key, this.#naming);
    return await this.#using(this.#what(key), signal, async (client) => {
      const length = await this.#measure(client, path);
      if (length !== undefined) return { length };
      await this.#assertRoot(client);
      return undefined;
    });
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<StoredObject> {
    using lease = await this.#lease(signal);
    const { client } = lease;
    try {
      await orAborted(this.#assertRoot(client), signal);
      yield* listTree({ naming: this.#naming, children: (path) => orAborted(this.#children(client, path), signal), measure: (path) => this.#measure(client, path) }, prefix, signal);
      // A root that went away while it was listed looks like an empty one.
      await orAborted(this.#assertRoot(client), signal);
    } catch (error) {
      throw nativeFailure(error, this.#shown);
    }
  }

  async remove(key: string, signal?: AbortSignal): Promise<void> {
    const path = encodeKey(key, this.#naming);
    await this.#using(this.#what(key), signal, async (client) => {
      await this.#assertRoot(client);
      if ((await this.#measure(client, path)) !== undefined) await client.unlink(this.#folders.at(path)).catch(ignoreAbsence);
      await this.#folders.prune(client, parentOf(path));
    });
  }

  async space(signal?: AbortSignal): Promise<{ readonly freeBytes: number | undefined; readonly totalBytes: number | undefined }> {
    return await this.#using(this.#shown, signal, async (client) => {
      await this.#assertRoot(client);
      return await client.statvfs(this.#folders.at(''));
    });
  }

  async *unfinished(signal?: AbortSignal): AsyncGenerator<UnfinishedObject> {
    yield* await this.#using(`temporary objects of ${this.#shown}`, signal, async (client) => {
      await this.#assertRoot(client);
      const found: UnfinishedObject[] = [];
      for (const { name, kind, length } of await this.#entries(client, TEMPORARY_FOLDER)) {
        const key = `${TEMPORARY_FOLDER}/${name}`;
        const measured = kind === 'file' ? (length ?? (await this.#measure(client, key))) : undefined;
        if (measured !== undefined) found.push({ key, length: measured, ...beginningOf(name) });
      }
      return found;
    });
  }

  async sweep(olderThanMs: number, signal?: AbortSignal, below?: string): Promise<readonly string[]> {
    return await this.#using(`temporary objects of ${this.#shown}`, signal, async (client) => {
      // Ages are measured by the clock that stamps the files: the server's.
      const probe = `${TEMPORARY_FOLDER}/now-${randomBytes(8).toString('hex')}`;
      const handle = await this.#createTemporary(client, probe);
      const swept: string[] = [];
      try {
        const now = (await client.fstat(handle)).mtimeMs;
        for (const { name, kind, ...entry } of await this.#entries(client, TEMPORARY_FOLDER)) {
          signal?.throwIfAborted();
          const path = `${TEMPORARY_FOLDER}/${name}`;
          if (path === probe || kind !== 'file') continue;
          const mtimeMs = entry.mtimeMs ?? (await client.stat(this.#folders.at(path)).catch(ignoreAbsence))?.mtimeMs;
          if (mtimeMs === undefined || (now - mtimeMs < olderThanMs && !isOf(this.#writer, name))) continue;
          await client.unlink(this.#folders.at(path)).then(() => swept.push(path), (error: unknown) => {
            // Somebody has it open, so its writer lives.
            if (!hasNativeCode(error, 'EBUSY')) ignoreAbsence(error);
          });
          if (swept.length >= SWEPT_AT_ONCE) break;
        }
      } finally {
        await this.#discard(client, handle, probe);
      }
      if (below !== undefined) await removeEmptyFolders({ children: (path) => this.#children(client, path), removeFolder: (path) => this.#folders.remove(client, path) }, encodePrefix(below, this.#naming));
      return swept;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lanes[Symbol.asyncDispose]();
  }

  async *#read(client: NativeClient, key: string, range: ByteRange | undefined, what: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    const handle = await orAborted(client.open(this.#folders.at(encodeKey(key, this.#naming)), 'read'), signal).catch((error: unknown) => {
      // A symbolic link is nobody's object.
      if (isNativeAbsence(error) || hasNativeCode(error, 'ELOOP', 'EISDIR')) return undefined;
      throw error;
    });
    try {
      const status = handle === undefined ? undefined : await orAborted(client.fstat(handle), signal);
      if (handle === undefined || status?.kind !== 'file') {
        await this.#assertRoot(client);
        throw new Failure('E_OBJECT_NOT_FOUND', `there is no ${what}`);
      }
      const start = range?.offset ?? 0;
      const end = range === undefined ? status.length : range.offset + range.length;
      if (end > status.length) throw new Failure('E_CORRUPT', `bytes ${start} to ${end} asked of ${status.length}: ${what}`);
      yield* readAhead(client, handle, start, end, what, signal);
    } finally {
      // Nothing hangs on it.
      if (handle !== undefined) client.close(handle).catch(() => {});
    }
  }

  #what(key: string): string {
    return `${key} in ${this.#shown}`;
  }

  async #lease(signal: AbortSignal | undefined): Promise<NativeLease> {
    signal?.throwIfAborted();
    const pending = this.#lanes.lease();
    return await orAborted(pending, signal).catch((error: unknown) => {
      // Who no longer waits does not use it either.
      pending.then((lease) => lease[Symbol.dispose](), () => {});
      throw error;
    });
  }

  /** Runs it on a child process; what the library says becomes a failure. */
  async #using<T>(what: string, signal: AbortSignal | undefined, work: (client: NativeClient, what: string) => Promise<T>, stopsItself = false): Promise<T> {
    using lease = await this.#lease(signal);
    try {
      const done = work(lease.client, what);
      return await (stopsItself ? done : orAborted(done, signal));
    } catch (error) {
      throw nativeFailure(error, what);
    }
  }

  /** @throws Failure E_DESTINATION_UNREACHABLE when the root is not the folder this session opened, as far as the library tells. */
  async #assertRoot(client: NativeClient): Promise<void> {
    const status = await client.stat(this.#folders.at('')).catch(ignoreAbsence);
    if (status?.kind === 'folder' && status.identity === this.#identity) return;
    throw new Failure('E_DESTINATION_UNREACHABLE', `${this.#shown} is ${status === undefined ? 'gone' : 'not the folder it was when it was opened'}`, { hint: 'was its disk unmounted, or the folder removed or replaced on the server? bring it back; a run goes on by itself' });
  }

  /** Length of a file; `undefined` when there is none of that name. */
  async #measure(client: NativeClient, path: string): Promise<number | undefined> {
    const status = await client.stat(this.#folders.at(path)).catch(ignoreAbsence);
    return status?.kind === 'file' ? status.length : undefined;
  }

  async #entries(client: NativeClient, path: string): Promise<readonly NativeEntry[]> {
    return (await client.readdir(this.#folders.at(path)).catch(ignoreAbsence)) ?? [];
  }

  async #children(client: NativeClient, path: string): Promise<readonly TreeChild[]> {
    return (await this.#entries(client, path)).filter(({ kind }) => kind !== 'other').map(({ name, kind, length }) => ({ name, isFolder: kind === 'folder', ...(length === undefined ? {} : { length }) }));
  }

  async #createTemporary(client: NativeClient, path: string): Promise<number> {
    const create = (): Promise<number> => client.open(this.#folders.at(path), 'createNew');
    return await create().catch(async (error: unknown) => {
      if (!isNativeAbsence(error)) throw error;
      await this.#assertRoot(client);
      this.#folders.forget();
      await this.#folders.make(client, TEMPORARY_FOLDER);
      return await create();
    });
  }

  async #publish(client: NativeClient, temporary: string, path: string, what: string, publish: Publish): Promise<void> {
    const folder = parentOf(path);
    for (let round = 1; ; round++) {
      try {
        await this.#folders.make(client, folder);
        await publish(client, this.#folders.at(temporary), this.#folders.at(path));
        return await client.syncFolder(this.#folders.at(folder));
      } catch (error) {
        if (!hasNativeCode(error, 'ENOENT', 'ESTALE') || round >= ROUNDS) throw error;
        this.#folders.forget();
        await this.#assertRoot(client);
        if ((await this.#measure(client, temporary)) === undefined) throw new Failure('E_DESTINATION_UNREACHABLE', `the temporary file of ${what} was removed while it was written`, { cause: error });
      }
    }
  }

  /** Closes and removes a temporary file after a failure. What a server does not remove now is swept later. */
  async #discard(client: NativeClient, handle: number, temporary: string): Promise<void> {
    if (client.ended) return;
    const gone = Promise.allSettled([client.close(handle), client.unlink(this.#folders.at(temporary))]);
    await Promise.race([gone, sleep(DISCARD_MS, undefined, { ref: false })]);
  }
}

function ignoreAbsence(error: unknown): undefined {
  if (!isNativeAbsence(error)) throw error;
}
