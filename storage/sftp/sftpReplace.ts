import { asideOf } from '../asideName.ts';
import type { SftpChannel } from './sftpChannel.ts';
import { hasStatus, sftpCodes } from './sftpStatus.ts';

/** Other writers of the same object may come in between; each round, one of them made progress. */
const ROUNDS = 20;

/** Renames a file, replacing what is there. Throws as the server answers; `noSuchFile` when the folder or the file itself is missing. */
export async function replaceFile(channel: SftpChannel, from: string, to: string): Promise<void> {
  if (channel.offers.posixRename) return await channel.posixRename(from, to);
  const aside = asideOf(to);
  for (let round = 1; ; round++) {
    try {
      await channel.rename(from, to);
      await channel.unlink(aside).catch(ignoreMissing);
      return;
    } catch (error) {
      if (!hasStatus(error, sftpCodes.failure, sftpCodes.exists) || round >= ROUNDS) throw error;
      const there = await channel.lstat(to).catch(() => undefined);
      // Gone meanwhile: another writer is about to put his.
      if (there === undefined) continue;
      if (!there.isFile()) throw error;
    }
    // A writer that died here left its old object aside, but a newer one is in place.
    await channel.unlink(aside).catch(ignoreMissing);
    await channel.rename(to, aside).catch((error: unknown) => {
      if (!hasStatus(error, sftpCodes.noSuchFile, sftpCodes.failure, sftpCodes.exists)) throw error;
    });
  }
}

function ignoreMissing(error: unknown): void {
  if (!hasStatus(error, sftpCodes.noSuchFile)) throw error;
}
