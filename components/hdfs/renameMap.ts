import { parentOf } from './paths.ts';

/** Renames between two snapshots: from old paths to new ones and back, with everything below. */
export class RenameMap {
  readonly #toNew = new Map<string, string>();
  readonly #toOld = new Map<string, string>();

  add(from: string, to: string): void {
    this.#toNew.set(from, to);
    this.#toOld.set(to, from);
  }

  /** Where an old path is now. */
  toNew(path: string): string {
    return translate(this.#toNew, path) ?? path;
  }

  /** Where a new path was before, if a rename brought it there. */
  toOld(path: string): string | undefined {
    return translate(this.#toOld, path);
  }
}

/** Replaces the longest known beginning. */
function translate(map: ReadonlyMap<string, string>, path: string): string | undefined {
  if (map.size === 0) return undefined;
  for (let head = path; head !== '/'; head = parentOf(head)) {
    const to = map.get(head);
    if (to !== undefined) return to + path.slice(head.length);
  }
  return undefined;
}
