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

/** What a folder holds: all objects below it at once, or segments in their order, whose folders are asked for ahead. */
type Folder = { readonly objects: readonly StoredObject[] } | { readonly segments: readonly Segment[]; readonly folders: FoldersAhead };

/** How many lengths are asked for at once. */
const MEASURES = 16;
/** How many folders of one folder are asked for before it is their turn: each is a round trip or two, which are long where the destination is far. */
const FOLDERS_AHEAD = 8;
/** The same in a folder that is asked for ahead itself. */
const FURTHER_AHEAD = 2;

/**
 * The objects of a tree in the order of `compareKeys`. Holds the names of some folders per level of depth, never the whole tree.
 * Foreign names and everything below them are left out.
 */
export async function* listTree(tree: Tree, prefix: string, signal?: AbortSignal): AsyncGenerator<StoredObject> {
  yield* objectsOf(tree, await folderAt(tree, encodePrefix(prefix, tree.naming), prefix, signal), prefix, signal);
}

/** The folders of a folder in their order, some of them under way. */
class FoldersAhead {
  readonly #folders: Iterator<Segment>;
  readonly #load: (segment: Segment) => Promise<Folder>;
  readonly #underWay: Promise<Folder>[] = [];

  constructor(folders: Iterator<Segment>, load: (segment: Segment) => Promise<Folder>) {
    this.#folders = folders;
    this.#load = load;
  }

  /** Asks for as many, as far as that was not done, and for so many folders in each of them. */
  ask(ahead: number, further: number): void {
    while (this.#underWay.length < ahead) {
      const { value, done } = this.#folders.next();
      if (done === true) return;
      const loading = this.#load(value as Segment);
      loading.then((folder) => 'folders' in folder && folder.folders.ask(further, 0), () => {});
      this.#underWay.push(loading);
    }
  }

  /** The next one, which was asked for. */
  async next(): Promise<Folder> {
    return await this.#underWay.shift()!;
  }
}

async function folderAt(tree: Tree, path: string, prefix: string, signal?: AbortSignal): Promise<Folder> {
  const whole = await tree.whole?.(path, signal);
  if (whole !== undefined) return { objects: inOrder(whole, path === '', prefix, tree.naming) };
  const segments: Segment[] = [];
  await collect(tree, path, path === '', [], segments, signal);
  segments.sort((a, b) => compareKeys(a.segment, b.segment));
  const folders = new FoldersAhead(segments.filter(({ child }) => child.isFolder).values(), (each) => folderAt(tree, each.path, `${prefix}${each.segment}/`, signal));
  return { segments, folders };
}

async function* objectsOf(tree: Tree, folder: Folder, prefix: string, signal?: AbortSignal): AsyncGenerator<StoredObject> {
  if ('objects' in folder) return yield* folder.objects;
  const { segments, folders } = folder;
  for (let i = 0; i < segments.length; ) {
    folders.ask(FOLDERS_AHEAD, FURTHER_AHEAD);
    const { segment, child } = segments[i]!;
    if (child.isFolder) {
      i++;
      yield* objectsOf(tree, await folders.next(), `${prefix}${segment}/`, signal);
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
