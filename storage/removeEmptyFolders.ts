import type { Tree } from './listTree.ts';

/** A medium whose folders can be removed one by one. */
export interface FolderTree extends Pick<Tree, 'children'> {
  /** Removes a folder. Does nothing when there is none, or something in it. */
  removeFolder(path: string): Promise<unknown>;
}

/** Removes a folder and those in it, at any depth, as far as they are empty. */
export async function removeEmptyFolders(tree: FolderTree, path: string): Promise<void> {
  const folders: string[] = [];
  for await (const { name, isFolder } of await tree.children(path)) if (isFolder) folders.push(`${path}/${name}`);
  for (const each of folders) await removeEmptyFolders(tree, each);
  await tree.removeFolder(path);
}
