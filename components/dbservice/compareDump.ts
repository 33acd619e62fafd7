import { stat } from 'node:fs/promises';
import type { Entry } from '../../contracts/entry.ts';
import type { Comparable } from '../dataSource.ts';
import type { DumpFolder } from './dumpDatabase.ts';
import { dumpDatabase, listPath } from './dumpDatabase.ts';
import { readFileList, type DumpedFile } from './fileList.ts';
import type { PgAccess } from './pgConnection.ts';

/** The files of a restored database's own dump: by key, and those of tables by table, for their numbers differ from dump to dump. */
export interface CompareIndex {
  readonly byKey: ReadonlyMap<string, DumpedFile>;
  readonly byTable: ReadonlyMap<string, DumpedFile>;
}

async function loadIndex(folder: DumpFolder, database: string): Promise<CompareIndex> {
  const byKey = new Map<string, DumpedFile>();
  const byTable = new Map<string, DumpedFile>();
  let head = true;
  for await (const value of readFileList(listPath(folder, database))) {
    if (head) {
      head = false;
      continue;
    }
    const file = value as DumpedFile;
    byKey.set(file.key, file);
    if (file.table !== undefined) byTable.set(file.table, file);
  }
  return { byKey, byTable };
}

/**
 * One dump of a restored database for all who compare its entries at the same time. Held by the worker so that concurrent shards do
 * not dump it twice; ends when nobody waits for it any more.
 */
export class CompareDump implements AsyncDisposable {
  readonly index: Promise<CompareIndex>;
  readonly #stop = new AbortController();
  #waiting = 0;

  constructor(access: PgAccess, folder: DumpFolder, actual: string, keyedAs: string, roleNames: ((role: string) => string) | undefined) {
    this.index = (async () => {
      const done = await stat(listPath(folder, keyedAs)).then(() => true, () => false);
      if (!done) await dumpDatabase(access, folder, { database: actual, service: '', keyedAs, ...(roleNames ? { roleNames } : {}) }, this.#stop.signal);
      return loadIndex(folder, keyedAs);
    })();
    this.index.catch(() => undefined);
  }

  /** Waits for the dump; the last one to give up waiting ends it. */
  async wait(signal: AbortSignal | undefined): Promise<CompareIndex> {
    this.#waiting++;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const give = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', give, { once: true });
    try {
      signal?.throwIfAborted();
      return await Promise.race([this.index, aborted]);
    } finally {
      signal?.removeEventListener('abort', give);
      if (--this.#waiting === 0 && signal?.aborted) this.#stop.abort(signal.reason);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.index.catch(() => undefined);
  }
}

/** What of this file of a dump is the same whenever the data is. */
export function comparableOf(entry: Entry): Comparable {
  const { key } = entry;
  if (key === 'globals.sql') return 'nothing';
  if (entry.attributes['rowsDigest'] !== undefined) return 'attributes';
  const name = key.slice(key.lastIndexOf('/') + 1);
  // The tables of contents hold dates and object numbers; database.json holds a size. Row counts and owners in it are checked after loading.
  return name === 'database.json' || name === 'toc.dat' || /^blobs(_\d+)?\.toc$/.test(name) ? 'nothing' : 'content';
}
