import { dirname } from 'node:path';
import { Failure } from '../../contracts/failure.ts';
import type { NativeClient } from './nativeClient.ts';
import { hasNativeCode } from './nativeFailure.ts';

/** A concurrent `remove` may prune what we are making; each round, somebody else made progress. */
const ROUNDS = 20;
/** How often something that is no folder is looked at before it is believed. */
const LOOKS = 5;

/** The folders of a destination: their paths, and made where missing. */
export class NativeFolders {
  readonly #root: string;
  readonly #shown: string;
  /** Folders that are known to be there, with their names on the medium. At most a few hundred in a repository. */
  readonly #known = new Set<string>(['']);

  /** @param root path of the destination's root for the library, without a slash at its end */
  constructor(root: string, shown: string) {
    this.#root = root;
    this.#shown = shown;
  }

  /** A path below the root as the library knows it; `''` is the root. */
  at(path: string): string {
    return path === '' ? this.#root || '/' : `${this.#root}/${path}`;
  }

  /** Makes a folder and those above it, but never the root: one that vanished is not made again. Asks for nothing that was done before. */
  async make(client: NativeClient, path: string): Promise<void> {
    for (let round = 1; !this.#known.has(path); round++) {
      try {
        // Those above are as a rule there.
        await client.mkdir(this.at(path));
      } catch (error) {
        if (hasNativeCode(error, 'ENOENT', 'ESTALE') && parentOf(path) !== '' && round < ROUNDS) {
          this.forget();
          await this.make(client, parentOf(path));
          continue;
        }
        if (!hasNativeCode(error, 'EEXIST')) throw error;
        const there = await client.stat(this.at(path)).catch((cause: unknown) => {
          if (hasNativeCode(cause, 'ENOENT', 'ESTALE')) return undefined;
          throw cause;
        });
        // Of a folder that is being removed an SMB server may tell that it is something else.
        if (there !== undefined && there.kind !== 'folder' && round < LOOKS) continue;
        if (there !== undefined && there.kind !== 'folder') throw new Failure('E_DESTINATION_PATH', `${path} in ${this.#shown} is not a folder`, { hint: 'somebody else writes there: give the destination a folder of its own', cause: error });
        // It was there, and was pruned in between.
        if (there === undefined && round < ROUNDS) continue;
      }
      await client.syncFolder(this.at(parentOf(path)));
      this.#known.add(path);
    }
  }

  /** Others may have removed folders: nothing is taken for granted any more. */
  forget(): void {
    this.#known.clear();
    this.#known.add('');
  }

  /** Removes a folder of a removed object, and those above it, as far as they are empty. */
  async prune(client: NativeClient, path: string): Promise<void> {
    for (let folder = path; folder !== '' && (await this.remove(client, folder)); folder = parentOf(folder));
  }

  /** Removes a folder if it is empty. Returns whether it is gone. */
  async remove(client: NativeClient, path: string): Promise<boolean> {
    this.#known.delete(path);
    try {
      await client.rmdir(this.at(path));
    } catch (error) {
      if (hasNativeCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) return false;
      if (!hasNativeCode(error, 'ENOENT', 'ESTALE')) throw error;
    }
    return true;
  }
}

/** The folder that a path below the root lies in; `''` is the root. */
export function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === '.' ? '' : parent;
}
