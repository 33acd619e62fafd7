import { compareKeys } from '../../contracts/compareKeys.ts';
import type { HdfsStatus, WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';

/** Statuses held back beyond this number keep only their names. */
const HELD_STATUSES = 20_000;
/** Pages kept while held-back names are fetched again. */
const CACHED_PAGES = 8;

interface Held {
  readonly name: string;
  status: HdfsStatus | undefined;
  /** The name the NameNode gives just before this one; '' for the first. */
  readonly previous: string;
}

/**
 * Children of a directory of a snapshot in the order of `compareKeys`.
 *
 * The NameNode orders names by signed bytes: at every byte, everything beyond ASCII comes before ASCII. So an ASCII name can be given on at once
 * (nothing that follows sorts before it), and another is held back until its ASCII beginning is over. Names that are held back in very
 * large numbers lose their status and are fetched again, page by page: memory then holds names only.
 */
export async function* orderedChildren(client: WebHdfs, directory: string, pages: AsyncIterable<readonly HdfsStatus[]>, signal?: AbortSignal): AsyncGenerator<HdfsStatus> {
  let held: Held[] = [];
  let previous = '';
  let longestHead = '';
  for await (const page of pages) {
    for (const status of page) {
      const name = status.pathSuffix;
      // The ASCII heads of what is held are beginnings of one another: while the longest goes on, all do.
      if (held.length > 0 && !name.startsWith(longestHead)) {
        const over = held.filter((one) => !name.startsWith(asciiHead(one.name)));
        held = held.filter((one) => name.startsWith(asciiHead(one.name)));
        longestHead = held.reduce((longest, one) => (asciiHead(one.name).length > longest.length ? asciiHead(one.name) : longest), '');
        yield* release(client, directory, over, signal);
      }
      if (isAscii(name)) yield status;
      else {
        held.push({ name, status: held.length < HELD_STATUSES ? status : undefined, previous });
        const head = asciiHead(name);
        if (head.length > longestHead.length) longestHead = head;
      }
      previous = name;
    }
  }
  yield* release(client, directory, held, signal);
}

async function* release(client: WebHdfs, directory: string, held: Held[], signal: AbortSignal | undefined): AsyncGenerator<HdfsStatus> {
  held.sort((a, b) => compareKeys(a.name, b.name));
  const cache: Map<string, HdfsStatus>[] = [];
  for (const one of held) {
    let status = one.status;
    for (const page of cache) status ??= page.get(one.name);
    if (status === undefined) {
      for await (const page of client.listPaged(directory, one.previous === '' ? {} : { startAfter: one.previous }, signal)) {
        cache.unshift(new Map(page.map((child) => [child.pathSuffix, child])));
        break;
      }
      cache.length = Math.min(cache.length, CACHED_PAGES);
      status = cache[0]?.get(one.name);
    }
    if (status === undefined) throw new Error(`${directory} changed while it was listed: ${one.name} is gone`);
    yield status;
  }
}

function isAscii(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** The name up to its first character beyond ASCII. */
function asciiHead(name: string): string {
  let end = 0;
  while (end < name.length && name.charCodeAt(end) <= 0x7f) end++;
  return name.slice(0, end);
}
