import { dirname } from 'node:path';
import { Failure } from '../../contracts/failure.ts';
import type { SftpChannel } from './sftpChannel.ts';
import { hasStatus, sftpCodes } from './sftpStatus.ts';

const FOLDER_MODE = 0o700;
/** A concurrent `remove` may prune what we are making; each round, somebody else made progress. */
const ROUNDS = 20;

/** The folders of a destination: their paths, made where missing, and brought onto the medium where the server does that. */
export class SftpFolders {
  readonly #root: string;
  /** Whether a folder can be opened and synchronized there. */
  readonly syncs: boolean;
  /** Folders whose own names are known to be on the medium. At most a few hundred in a repository. */
  readonly #durable = new Set<string>();

  constructor(root: string, syncs: boolean) {
    this.#root = root;
    this.syncs = syncs;
  }

  /** A path below the root as the server knows it; `''` is the root. */
  at(path: string): string {
    if (path === '') return this.#root;
    return this.#root === '.' ? path : this.#root === '/' ? `/${path}` : `${this.#root}/${path}`;
  }

  /** Makes a folder of the destination and those above it, but never the root: one that vanished is not made again. */
  async make(channel: SftpChannel, path: string): Promise<void> {
    if (path === '') return;
    for (let round = 1; ; round++) {
      // All at once, from above: over a long line only the round trips count. What is there already is refused.
      for (const above of foldersAbove(path)) channel.mkdir(this.at(above), FOLDER_MODE).catch(() => {});
      const looking = channel.lstat(this.at(path)).catch(() => undefined);
      try {
        return await channel.mkdir(this.at(path), FOLDER_MODE);
      } catch (error) {
        if (hasStatus(error, sftpCodes.noSuchFile, sftpCodes.noSuchPath) && parentOf(path) !== '' && round < ROUNDS) {
          // A server may do them in another order.
          await this.make(channel, parentOf(path));
          continue;
        }
        // Whether it is there already, the code does not tell.
        if (!hasStatus(error, sftpCodes.failure, sftpCodes.exists)) throw error;
        const there = (await looking) ?? (await channel.lstat(this.at(path)).catch(() => undefined));
        if (there?.isDirectory() === true) return;
        if (there !== undefined) throw new Failure('E_DESTINATION_PATH', `${this.at(path)} on the server is not a folder`, { hint: 'somebody else writes there: give the destination a folder of its own', cause: error });
        // It was there, and was pruned in between; or it cannot be made.
        if (round >= ROUNDS) throw error;
      }
    }
  }

  /** Makes a folder, and brings its name and those above onto the medium; asks for nothing that was done before. */
  async makeDurable(channel: SftpChannel, path: string): Promise<void> {
    const fresh = [...foldersAbove(path), path].filter((each) => each !== '' && !this.#durable.has(each));
    if (fresh.length === 0) return;
    await this.make(channel, path);
    await Promise.all(fresh.map((each) => this.sync(channel, parentOf(each))));
    for (const each of fresh) this.#durable.add(each);
  }

  /** Others may have removed folders: nothing is taken for granted any more. */
  forget(): void {
    this.#durable.clear();
  }

  /**
   * Brings the names in a folder onto the medium. A folder that is gone meanwhile has none.
   * @param change what is changing the names now: it is waited for, and its failure is the failure of this
   */
  async sync(channel: SftpChannel, path: string, change: Promise<void> = Promise.resolve()): Promise<void> {
    if (!this.syncs) return await change;
    const synced = syncFolder(channel, this.at(path), change);
    synced.catch(() => {});
    await change;
    try {
      await synced;
    } catch (error) {
      if (!hasStatus(error, sftpCodes.noSuchFile, sftpCodes.noSuchPath)) throw error;
    }
  }

  /** Removes a folder of a removed object, and those above it, as far as they are empty. */
  async prune(channel: SftpChannel, path: string): Promise<void> {
    for (let folder = path; folder !== '' && (await this.remove(channel, folder)); folder = parentOf(folder));
  }

  /** Removes a folder if it is empty. Returns whether it is gone. */
  async remove(channel: SftpChannel, path: string): Promise<boolean> {
    this.#durable.delete(path);
    try {
      await channel.rmdir(this.at(path));
    } catch (error) {
      // Not empty: in version 3 that is a failure like any other.
      if (hasStatus(error, sftpCodes.failure, sftpCodes.notEmpty, sftpCodes.exists)) return false;
      if (!hasStatus(error, sftpCodes.noSuchFile, sftpCodes.noSuchPath)) throw error;
    }
    return true;
  }
}

/** The folders that a path below the root lies in, from above, without the root. */
function foldersAbove(path: string): readonly string[] {
  const parent = parentOf(path);
  return parent === '' ? [] : [...foldersAbove(parent), parent];
}

/** The folder that a path below the root lies in; `''` is the root. */
export function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === '.' ? '' : parent;
}

/**
 * Brings the names in a folder onto the medium, by the server's fsync on the folder opened like a file.
 * @param change is waited for in between
 */
export async function syncFolder(channel: SftpChannel, path: string, change?: Promise<void>): Promise<void> {
  const handle = await channel.open(path, 'r');
  try {
    await change;
  } catch (error) {
    channel.close(handle).catch(() => {});
    throw error;
  }
  await Promise.all([channel.fsync(handle), channel.close(handle)]);
}
