import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { systemErrorName } from './posixFailure.ts';

/** Whether an error says that there is nothing of that name. */
export function isAbsence(error: unknown): boolean {
  const name = systemErrorName(error);
  return name === 'ENOENT' || name === 'ENOTDIR';
}

/** For making what somebody else may be making too. */
export function ignoreExisting(error: unknown): void {
  if (systemErrorName(error) !== 'EEXIST') throw error;
}

/** Appends all of it: one write may take less than it was given. */
export async function writeAll(file: fs.FileHandle, block: Uint8Array): Promise<void> {
  for (let offset = 0; offset < block.length; ) {
    const { bytesWritten } = await file.write(block, offset, block.length - offset, null);
    offset += bytesWritten;
  }
}

/** What file systems without hard links answer (link(2)). */
const withoutLinks = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EMLINK']);

/** Renames a file, but only to a name that nothing has: a second name is refused where a rename would replace. `undefined`: the file system has no such thing. The old name is gone in any case. */
export async function renameToNew(from: string, to: string): Promise<boolean | undefined> {
  const made = await fs.link(from, to).then(() => true, (error: unknown) => {
    const name = systemErrorName(error) ?? '';
    if (name === 'EEXIST') return false;
    if (withoutLinks.has(name)) return undefined;
    throw error;
  });
  await fs.unlink(from);
  return made;
}

/** Brings the names in a folder onto the medium. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
