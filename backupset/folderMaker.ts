import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../contracts/failure.ts';

const mostKnown = 10_000;

/** Makes folders and those above them inside a root, never through a link; those it saw before it does not ask for again. */
export class FolderMaker {
  readonly #root: string;
  readonly #known = new Map<string, Promise<void>>();

  constructor(root: string) {
    this.#root = root;
  }

  /** @throws Failure E_TARGET_EXISTS when something else has the name */
  async make(path: string): Promise<void> {
    if (path === this.#root) return;
    let making = this.#known.get(path);
    if (making === undefined) {
      if (this.#known.size >= mostKnown) this.#known.clear();
      making = this.#make(path);
      this.#known.set(path, making);
      making.catch(() => this.#known.delete(path));
    }
    await making;
  }

  async #make(path: string): Promise<void> {
    await this.make(dirname(path));
    await fs.mkdir(path, { mode: 0o700 }).catch(async (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (!(await fs.lstat(path)).isDirectory()) throw new Failure('E_TARGET_EXISTS', `${path} exists and is no folder`, { cause: error });
    });
  }
}
