import type { StorageSession } from './storageDriver.ts';

/** Some media take many removals in one request. */
const removedAtOnce = 100;
const pageLength = 1000;

/**
 * Removes every object below a folder (`prefix` ends in `/`), a page at a time: listing and removing at once is nothing a medium must be able to do.
 * Returns how many there were. @throws Failure as of `list` and `remove`
 */
export async function removeTree(session: StorageSession, prefix: string, signal?: AbortSignal): Promise<number> {
  for (let removed = 0; ;) {
    const page: string[] = [];
    for await (const { key } of session.list(prefix, signal)) {
      page.push(key);
      if (page.length === pageLength) break;
    }
    if (page.length === 0) return removed;
    for (let i = 0; i < page.length; i += removedAtOnce) await Promise.all(page.slice(i, i + removedAtOnce).map((key) => session.remove(key, signal)));
    removed += page.length;
  }
}
