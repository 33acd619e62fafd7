import { Failure } from '../../contracts/failure.ts';
import { TEMPORARY_FOLDER } from '../keyNames.ts';
import type { SftpConfig } from '../sftp.ts';
import type { SftpChannel } from './sftpChannel.ts';
import { SftpConnection } from './sftpConnection.ts';
import { dialServer } from './sftpDial.ts';
import { sftpFailure } from './sftpFailure.ts';
import { SftpFolders, syncFolder } from './sftpFolders.ts';
import { SftpLink } from './sftpLink.ts';
import { SftpRoot } from './sftpRoot.ts';
import { SftpSession } from './sftpSession.ts';
import { hasStatus, sftpCodes } from './sftpStatus.ts';
import type { StorageCapabilities, StorageContext, StorageSession } from '../storageDriver.ts';

/**
 * Opens a folder of an SFTP server as a destination; makes it when only its last name is missing, and finds out what the server can do.
 * @throws Failure as of `StorageDriver.open`
 */
export async function openSftpSession(place: SftpConfig, { name, readSecret, writer, mustExist }: StorageContext): Promise<StorageSession> {
  const root = place.path === '/' ? '/' : place.path.replace(/^(\.\/+)+(?=.)/, '').replace(/\/+$/, '');
  const shown = `destination ${name} (${place.user}@${place.host}:${place.port}, ${root})`;
  const folder = new SftpRoot(root, shown);
  const link = new SftpLink({
    connections: place.connections,
    dial: async () => new SftpConnection(await dialServer(place, readSecret, shown), { shown, channels: place.channels, timeoutSeconds: place.timeoutSeconds }),
    isBeside: (made, other) => folder.isSeenBy(made, other),
  });
  try {
    using lease = await link.lease();
    const { channel, connection } = lease;
    try {
      await prepareRoot(channel, root, mustExist === true, shown).catch(async (error: unknown) => {
        throw (await leadsNowhere(channel, root, error)) ? new Failure('E_DESTINATION_PATH', `${shown} is a link that leads nowhere`, { hint: 'is the disk that it leads to mounted on the server? else correct the link, or the path of the destination', cause: error }) : error;
      });
      const [syncs] = await Promise.all([
        channel.offers.fsync && canSync(channel, root),
        // Where a run has been, an empty folder may be what lies beneath a disk that is not mounted: nothing is made there.
        mustExist === true ? undefined : new SftpFolders(root, false).make(channel, TEMPORARY_FOLDER).catch((error: unknown) => {
          // A destination may be open for reading only: who writes is told.
          if (!hasStatus(error, sftpCodes.denied, sftpCodes.failure, sftpCodes.writeProtected)) throw error;
        }),
        // What it finds now is what it has to be later.
        folder.assert(channel, connection),
      ]);
      const folders = new SftpFolders(root, syncs);
      return new SftpSession({ link, root: folder, folders, shown, writer, found: findings(channel, folders) });
    } catch (error) {
      throw await sftpFailure(error, { what: shown }, channel.offers.statvfs ? () => channel.statvfs(root) : undefined);
    }
  } catch (error) {
    await link[Symbol.asyncDispose]();
    throw error;
  }
}

async function prepareRoot(channel: SftpChannel, root: string, mustExist: boolean, shown: string): Promise<void> {
  const statusOf = async () => await channel.stat(root).catch((error: unknown) => {
    if (hasStatus(error, sftpCodes.noSuchFile, sftpCodes.noSuchPath)) return undefined;
    throw error;
  });
  let status = await statusOf();
  if (status === undefined) {
    if (mustExist) throw new Failure('E_DESTINATION_PATH', `${shown} is gone`);
    await channel.mkdir(root, 0o700).catch(async (error: unknown) => {
      if (hasStatus(error, sftpCodes.noSuchFile, sftpCodes.noSuchPath)) {
        throw new Failure('E_DESTINATION_PATH', `${shown} is not there, nor is the folder above it`, { hint: 'make the folder above it on the server, and let the user write there; a path without "/" in front counts from where the server puts the user', cause: error });
      }
      // Somebody else may be making it too.
      if ((await statusOf()) === undefined) throw error;
    });
    status = await statusOf();
  }
  if (status?.isDirectory() !== true) throw new Failure('E_DESTINATION_PATH', `${shown} is not a folder`);
}

/** Whether it failed because the root is a link to nothing, or to itself: in version 3 that is a failure like any other. */
async function leadsNowhere(channel: SftpChannel, root: string, error: unknown): Promise<boolean> {
  return hasStatus(error, sftpCodes.failure, sftpCodes.exists) && (await channel.lstat(root).then((status) => status.isSymbolicLink(), () => false));
}

/** Whether the server synchronizes folders, too: else a published name may be lost with the power. */
async function canSync(channel: SftpChannel, root: string): Promise<boolean> {
  return await syncFolder(channel, root).then(() => true, (error: unknown) => {
    if (hasStatus(error, sftpCodes.failure, sftpCodes.denied, sftpCodes.unsupported, sftpCodes.badMessage)) return false;
    throw error;
  });
}

function findings({ offers }: SftpChannel, folders: SftpFolders): Partial<Pick<StorageCapabilities, 'durable' | 'space' | 'limits'>> {
  return { durable: folders.syncs, space: offers.statvfs, limits: offers.statvfs ? {} : { space: 'the server does not tell its space (no statvfs@openssh.com)' } };
}
