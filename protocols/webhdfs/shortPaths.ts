import { encodePath } from './encodePath.ts';
import type { HdfsStatus } from './webHdfs.ts';
import { WebHdfsError } from './webHdfsError.ts';

/** A DataNode takes a request line of 4,096 bytes (a NameNode 64 KiB), and what follows the path needs some hundred of them. */
const longest = 3_300;

/** Ways to name to a DataNode what lies deeper than its request line is long: by the number of an inode. */
export interface ShortPaths {
  /** For a new file: its directory by number. */
  ofNew(path: string, signal: AbortSignal | undefined): Promise<string>;
  /**
   * For a file that is read. A number leads to the file as it is now, a path in a snapshot to what it was: `assertSame`, called after reading,
   * says no when the two are not the same.
   */
  ofFile(path: string, op: string, signal: AbortSignal | undefined): Promise<{ readonly path: string; readonly assertSame: () => Promise<void> }>;
}

export function createShortPaths(statusOrUndefined: (path: string, signal?: AbortSignal) => Promise<HdfsStatus | undefined>): ShortPaths {
  const isShort = (path: string): boolean => encodePath(path).length <= longest;
  return {
    async ofNew(path, signal) {
      const end = path.lastIndexOf('/');
      const folder = isShort(path) ? undefined : await statusOrUndefined(path.slice(0, end), signal);
      return folder === undefined ? path : `/.reserved/.inodes/${folder.fileId}${path.slice(end)}`;
    },
    async ofFile(path, op, signal) {
      const status = isShort(path) ? undefined : await statusOrUndefined(path, signal);
      if (status === undefined) return { path, assertSame: async () => undefined };
      const inode = `/.reserved/.inodes/${status.fileId}`;
      const assertSame = async (): Promise<void> => {
        const now = await statusOrUndefined(inode, signal);
        if (now?.length === status.length && now.modificationTime === status.modificationTime) return;
        throw new WebHdfsError('its path is too long for a DataNode, and it was changed since the snapshot', { kind: 'invalid', exception: 'LongPath', status: 0, op, path });
      };
      await assertSame();
      return { path: inode, assertSame };
    },
  };
}
