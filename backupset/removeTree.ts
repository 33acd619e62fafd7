import type { StorageSession } from '../storage/storageDriver.ts';

/** Removes everything below a folder (`prefix` ends in `/`), a page at a time: listing and removing at once is nothing a medium must be able to do. */
export async function removeTree(session: StorageSession, prefix: string, signal?: AbortSignal): Promise<void> {
  for (;;) {
    const page: string[] = [];
    for await (const { key } of session.list(prefix, signal)) {
      page.push(key);
      if (page.length === 1000) break;
    }
    if (page.length === 0) return;
    for (let i = 0; i < page.length; i += 8) await Promise.all(page.slice(i, i + 8).map((key) => session.remove(key, signal)));
  }
}
