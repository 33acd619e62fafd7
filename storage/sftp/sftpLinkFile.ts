import type { SftpChannel } from './sftpChannel.ts';
import { hasStatus, sftpCodes } from './sftpStatus.ts';

/**
 * Renames a file, but only to a name that nothing has: a second name is refused where a rename would replace. `undefined`: the server refused, and
 * does not say why. The old name is gone in any case. Throws `noSuchFile` when the folder or the file itself is missing.
 */
export async function linkFile(channel: SftpChannel, from: string, to: string): Promise<boolean | undefined> {
  const made = await channel.hardlink(from, to).then(() => true, async (error: unknown) => {
    if (hasStatus(error, sftpCodes.noSuchFile, sftpCodes.noSuchPath)) throw error;
    // That the name is taken is a failure like any other.
    return (await channel.lstat(to).then(() => true, () => false)) ? false : undefined;
  });
  await channel.unlink(from);
  return made;
}
