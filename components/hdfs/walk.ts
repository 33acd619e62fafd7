import type { Entry } from '../../contracts/entry.ts';
import type { HdfsStatus, WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';
import { entryOf, inheritedFrom, type Inherited, type PolicyNames } from './entryOf.ts';
import { orderedChildren } from './orderedChildren.ts';
import { joinPath } from './paths.ts';

/** What a walk needs to know. `at` gives where a key is read: under the snapshot. */
export interface WalkOptions {
  readonly client: WebHdfs;
  readonly at: (key: string) => string;
  readonly excluded: (key: string) => boolean;
  readonly policies: PolicyNames;
  readonly signal: AbortSignal | undefined;
}

/** Directories whose first page is asked for before the walk reaches them; in all, not per level. */
const PREFETCH = 16;
/** How many names ahead directories are looked for. */
const LOOK_AHEAD = 64;

interface Pages { readonly iterator: AsyncIterator<readonly HdfsStatus[]>; readonly first: Promise<IteratorResult<readonly HdfsStatus[]>> }
interface Level { readonly key: string; readonly inherited: Inherited; readonly children: AsyncIterator<HdfsStatus>; readonly queue: HdfsStatus[]; ended: boolean }

/**
 * The entry of `key` and of everything below it, depth first in the order of `compareKeys`. Memory is bounded by depth and look-ahead,
 * not by the number of entries. An encryption zone is named once and not entered.
 */
export async function* walk(options: WalkOptions, key: string, status: HdfsStatus, inherited: Inherited): AsyncGenerator<Entry> {
  if (options.excluded(key)) return;
  yield entryOf(key, status, inherited, options.policies);
  if (status.type !== 'DIRECTORY' || status.encBit || status.childrenNum === 0) return;
  const ahead = new Map<string, Pages>();
  const stack: Level[] = [descend(options, key, status, ahead)];
  try {
    for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
      await fill(level);
      const child = level.queue.shift();
      if (child === undefined) {
        stack.pop();
        continue;
      }
      prefetch(options, level, ahead);
      const childKey = joinPath(level.key, child.pathSuffix);
      if (options.excluded(childKey)) continue;
      yield entryOf(childKey, child, level.inherited, options.policies);
      if (child.type === 'DIRECTORY' && !child.encBit && child.childrenNum !== 0) stack.push(descend(options, childKey, child, ahead));
    }
  } finally {
    for (const level of stack) await level.children.return?.();
    for (const pages of ahead.values()) await pages.iterator.return?.();
  }
}

function open(options: WalkOptions, key: string): Pages {
  const iterator = options.client.listPaged(options.at(key), {}, options.signal)[Symbol.asyncIterator]();
  const first = iterator.next();
  first.catch(() => undefined); // seen when the walk arrives there
  return { iterator, first };
}

function descend(options: WalkOptions, key: string, status: HdfsStatus, ahead: Map<string, Pages>): Level {
  const pages = ahead.get(key) ?? open(options, key);
  ahead.delete(key);
  const children = orderedChildren(options.client, options.at(key), resume(pages), options.signal);
  return { key, inherited: inheritedFrom(status), children, queue: [], ended: false };
}

async function* resume(pages: Pages): AsyncGenerator<readonly HdfsStatus[]> {
  for (let next = await pages.first; next.done !== true; next = await pages.iterator.next()) yield next.value;
}

/** Keeps some children at hand, so that directories among them are seen early. */
async function fill(level: Level): Promise<void> {
  while (!level.ended && level.queue.length < LOOK_AHEAD) {
    const next = await level.children.next();
    if (next.done === true) level.ended = true;
    else level.queue.push(next.value);
  }
}

function prefetch(options: WalkOptions, level: Level, ahead: Map<string, Pages>): void {
  for (const child of level.queue) {
    if (ahead.size >= PREFETCH) return;
    if (child.type !== 'DIRECTORY' || child.encBit || child.childrenNum === 0) continue;
    const key = joinPath(level.key, child.pathSuffix);
    if (!ahead.has(key) && !options.excluded(key)) ahead.set(key, open(options, key));
  }
}
