import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { ignoreExisting, syncFolder } from './posixCalls.ts';

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

  /** It was removed, or may have been. */
  forget(folder: string): void {
    this.#durable.delete(folder);
  }

  /** Somebody removed one; which, is not known. */
  forgetAll(): void {
    this.#durable.clear();
    this.#durable.add('');
  }
}
