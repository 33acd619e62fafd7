import { compareKeys } from '../contracts/compareKeys.ts';
import { TEMPORARY_FOLDER, decodeKey, decodeSegment, encodePrefix, isCut, type Naming } from './keyNames.ts';
import type { StoredObject } from './storageDriver.ts';

/** One name in a folder of the medium. */
export interface TreeChild {
  readonly name: string;
  readonly isFolder: boolean;
  /** Where the medium tells it in its listing; else `Tree.measure` is asked. */
  readonly length?: number;
}

/** A medium with folders, as far as listing it needs. Paths are relative to the root, `''` is the root. */
export interface Tree {
  /** Default `exact`. */
  readonly naming?: Naming;
  /** Files and folders directly in a folder, in any order; none when it does not exist. */
  children(path: string, signal?: AbortSignal): AsyncIterable<TreeChild> | Iterable<TreeChild> | Promise<readonly TreeChild[]>;
  /** Length of a file; `undefined` when it is gone meanwhile. */
  measure(path: string, signal?: AbortSignal): Promise<number | undefined>;
  /** Everything below a folder at any depth, with paths counted from it, where the medium tells it in one answer; else `undefined`. */
  whole?(path: string, signal?: AbortSignal): Promise<readonly { readonly path: string; readonly length: number }[] | undefined>;
}

interface Segment {
  readonly segment: string;
  readonly path: string;
  readonly child: TreeChild;
}

/** What a folder holds: segments in their order, or all objects below it at once. */
type Folder = { readonly segments: readonly Segment[] } | { readonly objects: readonly StoredObject[] };

/** How many lengths are asked for at once. */
const MEASURES = 16;
/** How many folders of one folder are asked for before it is their turn: each is a round trip or two, which are long where the destination is far. */
const FOLDERS_AHEAD = 8;

/**
 * The objects of a tree in the order of `compareKeys`. Holds the names of a few folders per level of depth, never the whole tree.
 * Foreign names and everything below them are left out.
 */
export async function* listTree(tree: Tree, prefix: string, signal?: AbortSignal): AsyncGenerator<StoredObject> {
  yield* objectsOf(tree, await folderAt(tree, encodePrefix(prefix, tree.naming), prefix, signal), prefix, signal);
}

async function folderAt(tree: Tree, path: string, prefix: string, signal?: AbortSignal): Promise<Folder> {
  const whole = await tree.whole?.(path, signal);
  if (whole !== undefined) return { objects: inOrder(whole, path === '', prefix, tree.naming) };
  const segments: Segment[] = [];
  await collect(tree, path, path === '', [], segments, signal);
  return { segments: segments.sort((a, b) => compareKeys(a.segment, b.segment)) };
}

async function* objectsOf(tree: Tree, folder: Folder, prefix: string, signal?: AbortSignal): AsyncGenerator<StoredObject> {
  if ('objects' in folder) return yield* folder.objects;
  const { segments } = folder;
  const folders = segments.filter(({ child }) => child.isFolder).values();
  const ahead: Promise<Folder>[] = [];
  const ask = (): void => {
    while (ahead.length < FOLDERS_AHEAD) {
      const { value: next, done } = folders.next();
      if (done === true) return;
      const asked = folderAt(tree, next.path, `${prefix}${next.segment}/`, signal);
      asked.catch(() => {});
      ahead.push(asked);
    }
  };
  for (let i = 0; i < segments.length; ) {
    ask();
    const { segment, child } = segments[i]!;
    if (child.isFolder) {
      i++;
      yield* objectsOf(tree, await ahead.shift()!, `${prefix}${segment}/`, signal);
      continue;
    }
    const files: Segment[] = [];
    while (i < segments.length && files.length < MEASURES && !segments[i]!.child.isFolder) files.push(segments[i++]!);
    const lengths = await Promise.all(files.map((file) => file.child.length ?? tree.measure(file.path, signal)));
    for (const [n, file] of files.entries()) {
      const length = lengths[n];
      signal?.throwIfAborted();
      if (length !== undefined) yield { key: prefix + file.segment, length };
    }
  }
}

function inOrder(files: readonly { readonly path: string; readonly length: number }[], isRoot: boolean, prefix: string, naming: Naming | undefined): StoredObject[] {
  return files
    .flatMap(({ path, length }) => {
      const below = isRoot && path.startsWith(`${TEMPORARY_FOLDER}/`) ? undefined : decodeKey(path, naming);
      return below === undefined ? [] : [{ key: prefix + below, length }];
    })
    .sort((a, b) => compareKeys(a.key, b.key));
}

/** All segments of one folder of keys: the names in it, and the rests of long segments in folders of their own. */
async function collect(tree: Tree, path: string, isRoot: boolean, above: readonly string[], into: Segment[], signal?: AbortSignal): Promise<void> {
  for await (const child of await tree.children(path, signal)) {
    signal?.throwIfAborted();
    if (isRoot && child.name === TEMPORARY_FOLDER) continue;
    const names = [...above, child.name];
    const at = path === '' ? child.name : `${path}/${child.name}`;
    if (isCut(child.name)) {
      if (child.isFolder) await collect(tree, at, false, names, into, signal);
      continue;
    }
    const segment = decodeSegment(names, tree.naming);
    if (segment !== undefined) into.push({ segment, path: at, child });
  }
}
