import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { ignoreExisting, syncFolder } from './posixCalls.ts';
import { systemErrorName } from './posixFailure.ts';

/** Like the files in them: nobody but the worker's user. */
export const FOLDER_MODE = 0o700;

/** The folders above objects, each made once, with its own name on the medium. */
export class PosixFolders {
  readonly #at: (path: string) => string;
  /** Whose own names are known to be on the medium. At most a few hundred in a repository. */
  readonly #durable = new Set<string>(['']);

  /** @param at path of a folder below the root, as the operating system takes it */
  constructor(at: (path: string) => string) {
    this.#at = at;
  }

  /** Makes a folder and those above it, each with its name on the medium before the next. Throws what the operating system says. */
  async make(folder: string): Promise<void> {
    if (this.#durable.has(folder)) return;
    const parent = dirname(folder) === '.' ? '' : dirname(folder);
    await this.make(parent);
    await fs.mkdir(this.#at(folder), { mode: FOLDER_MODE }).catch(ignoreExisting);
    await syncFolder(this.#at(parent));
    this.#durable.add(folder);
  }

  /** Removes a folder of a removed object, and those above it, as far as they are empty. Throws what the operating system says. */
  async prune(path: string): Promise<void> {
    for (let folder = path; folder !== '.' && (await this.remove(folder)); folder = dirname(folder));
  }

  /** Removes a folder if it is empty. Returns whether it is gone. Throws what the operating system says. */
  async remove(folder: string): Promise<boolean> {
    this.#durable.delete(folder);
    try {
      await fs.rmdir(this.#at(folder));
    } catch (error) {
      const name = systemErrorName(error);
      if (name === 'ENOTEMPTY' || name === 'EEXIST' || name === 'ENOTDIR') return false;
      if (name !== 'ENOENT') throw error;
    }
    return true;
  }

  /** Somebody removed one; which, is not known. */
  forgetAll(): void {
    this.#durable.clear();
    this.#durable.add('');
  }
}
