import type { FramePool } from '../backupset/framePool.ts';
import { PackSet } from '../backupset/packSet.ts';
import type { Repository } from '../backupset/repository.ts';
import { readBackFolder } from './stagingKeys.ts';
import { readValues, writeLines } from './stagedLines.ts';

type Pack = { readonly digest: string; readonly length: number };

const packsAtOnce = 16_384;

/**
 * Takes down which packs of one source a run has read back and compared with their names, at one destination; a pack may come twice. What is taken
 * down is there when `finish` has returned. The same packs make the same objects.
 */
export class ReadBackPacks {
  readonly #write: (number: number, packs: readonly Pack[]) => Promise<void>;
  #packs: Pack[] = [];
  #written = 0;

  constructor(repository: Repository, pool: FramePool, runKey: string, source: string, instance: string, signal: AbortSignal) {
    const folder = `${readBackFolder(runKey)}${encodeURIComponent(source)}@${encodeURIComponent(instance)}`;
    this.#write = (number, packs) => writeLines(repository, pool, `${folder}/${number}`, packs.map((pack) => JSON.stringify(pack)), signal);
  }

  async add({ digest, length }: Pack): Promise<void> {
    this.#packs.push({ digest, length });
    if (this.#packs.length >= packsAtOnce) await this.finish();
  }

  async finish(): Promise<void> {
    if (this.#packs.length === 0) return;
    await this.#write(this.#written++, this.#packs);
    this.#packs = [];
  }

  /** Everything that a run has taken down at a destination, for all its sources. */
  static async read(repository: Repository, pool: FramePool, runKey: string, signal: AbortSignal): Promise<PackSet> {
    const all = new PackSet();
    for await (const { key } of repository.session.list(readBackFolder(runKey), signal)) {
      for (const { digest, length } of (await readValues<Pack>(repository, pool, key, signal)) ?? []) all.add(digest, length);
    }
    return all;
  }
}
