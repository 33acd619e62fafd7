import type { SetRef } from '../backupset/layout.ts';
import { knownDamage } from '../backupset/proofs.ts';
import type { Repository } from '../backupset/repository.ts';

/** Parts of runs at destinations. */
const MOST_REMEMBERED = 256;

/**
 * What is known to be damaged of the sets that runs build on, as it was when a run first asked: each of its steps does, and to know it every set of the
 * task is looked at. What is found damaged meanwhile is left to the verification at the end of the run, which looks anew.
 */
export class DamageOfParents {
  readonly #known = new Map<string, Promise<ReadonlySet<string>>>();

  /** Keys of objects, as of `knownDamage`. @param runKey who asks */
  async of(runKey: string, repository: Repository, parent: SetRef): Promise<ReadonlySet<string>> {
    const name = JSON.stringify([runKey, repository.id, parent]);
    const known = this.#known.get(name) ?? knownDamage(repository, parent);
    this.#known.delete(name);
    this.#known.set(name, known);
    if (this.#known.size > MOST_REMEMBERED) this.#known.delete(this.#known.keys().next().value!);
    try {
      return await known;
    } catch (error) {
      // Looked at again by whoever asks next.
      if (this.#known.get(name) === known) this.#known.delete(name);
      throw error;
    }
  }
}
