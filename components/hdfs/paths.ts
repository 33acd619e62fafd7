/** The directory above; `/` for a child of the root. */
export function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at <= 0 ? '/' : path.slice(0, at);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function joinPath(parent: string, rest: string): string {
  if (rest === '') return parent;
  return parent === '/' ? `/${rest}` : `${parent}/${rest}`;
}

/** Where the content of `path` is in the snapshot `name` of `root`, `path` being at or below it. */
export function snapshotPath(root: string, name: string, path: string): string {
  return `${root}/.snapshot/${name}${path.slice(root.length)}`;
}
