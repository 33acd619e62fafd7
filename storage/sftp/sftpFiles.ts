import type { FileEntryWithStats } from 'ssh2';
import type { TreeChild } from '../listTree.ts';
import type { SftpChannel } from './sftpChannel.ts';
import { parentOf, type SftpFolders } from './sftpFolders.ts';
import { asideOf, isAside } from '../asideName.ts';
import { hasStatus, sftpCodes } from './sftpStatus.ts';

/** Pages of a folder that are asked for at once. */
const PAGES = 4;

/** What there is below the root: objects, and whether there is none. */
export class SftpFiles {
  readonly #folders: SftpFolders;

  constructor(folders: SftpFolders) {
    this.#folders = folders;
  }

  /** Whether an error says that there is no object at a path: in version 3, a file in place of a folder above is a failure like any other. */
  async isAbsence(channel: SftpChannel, error: unknown, path: string): Promise<boolean> {
    if (hasStatus(error, sftpCodes.noSuchFile, sftpCodes.noSuchPath)) return true;
    if (!hasStatus(error, sftpCodes.failure) || path === '') return false;
    const parent = parentOf(path);
    if (parent === '') return false;
    try {
      return !(await channel.lstat(this.#folders.at(parent))).isDirectory();
    } catch (above) {
      return await this.isAbsence(channel, above, parent);
    }
  }

  /** Length of a file at exactly this path. */
  async measureAt(channel: SftpChannel, path: string): Promise<number | undefined> {
    try {
      const status = await channel.lstat(this.#folders.at(path));
      return status.isFile() ? status.size : undefined;
    } catch (error) {
      if (await this.isAbsence(channel, error, path)) return undefined;
      throw error;
    }
  }

  /** Length of an object. */
  async measure(channel: SftpChannel, path: string): Promise<number | undefined> {
    for (const each of placesOf(channel, path)) {
      const length = await this.measureAt(channel, each);
      if (length !== undefined) return length;
    }
    return undefined;
  }

  /** An object, open, and its length just before; links, devices and folders are none. */
  async open(channel: SftpChannel, path: string): Promise<{ readonly handle: Buffer; readonly length: number } | undefined> {
    for (const each of placesOf(channel, path)) {
      const [length, opened] = await Promise.allSettled([this.measureAt(channel, each), channel.open(this.#folders.at(each), 'r')]);
      if (length.status === 'fulfilled' && length.value !== undefined && opened.status === 'fulfilled') return { handle: opened.value, length: length.value };
      if (opened.status === 'fulfilled') channel.close(opened.value).catch(() => {});
      if (length.status === 'rejected') throw length.reason;
      if (length.value !== undefined && opened.status === 'rejected' && !(await this.isAbsence(channel, opened.reason, each))) throw opened.reason;
    }
    return undefined;
  }

  /** Files and folders in a folder, as `listTree` wants them. */
  async children(channel: SftpChannel, path: string): Promise<readonly TreeChild[]> {
    const children: TreeChild[] = [];
    const names = new Set<string>();
    const aside: TreeChild[] = [];
    for (const { filename: name, attrs } of await this.entries(channel, path)) {
      // Symbolic links and devices are nobody's objects.
      if (!attrs.isFile() && !attrs.isDirectory()) continue;
      const belongsTo = channel.offers.posixRename ? undefined : isAside(name);
      if (belongsTo !== undefined) aside.push({ name: belongsTo, isFolder: false, length: attrs.size });
      else children.push({ name, isFolder: attrs.isDirectory(), length: attrs.size });
      names.add(name);
    }
    return [...children, ...aside.filter(({ name }) => !names.has(name))];
  }

  /** Everything in a folder; nothing when there is none. */
  async entries(channel: SftpChannel, path: string): Promise<readonly FileEntryWithStats[]> {
    const entries: FileEntryWithStats[] = [];
    let handle: Buffer;
    try {
      handle = await channel.opendir(this.#folders.at(path));
    } catch (error) {
      if (hasStatus(error, sftpCodes.noSuchFile, sftpCodes.noSuchPath)) return [];
      if (hasStatus(error, sftpCodes.failure) && !(await channel.lstat(this.#folders.at(path)).then((status) => status.isDirectory(), () => false))) return [];
      throw error;
    }
    try {
      for (let ended = false; !ended; ) {
        for (const page of await Promise.all(Array.from({ length: PAGES }, () => channel.readdir(handle)))) {
          if (page === undefined) ended = true;
          else entries.push(...page.filter(({ filename }) => filename !== '.' && filename !== '..'));
        }
      }
    } finally {
      channel.close(handle).catch(() => {});
    }
    return entries;
  }
}

/** Where an object may be: on servers whose rename does not replace, aside for a moment; and in place again when it is not there. */
function placesOf(channel: SftpChannel, path: string): readonly string[] {
  return channel.offers.posixRename ? [path] : [path, asideOf(path), path];
}
