import { z } from 'zod';
import { Failure } from '../contracts/failure.ts';
import type { WebHdfs } from '../protocols/webhdfs/webHdfs.ts';
import { hdfsFailure } from './hdfsFailure.ts';
import type { StorageCapabilities, StorageContext, StorageSession } from './storageDriver.ts';

/** An absolute, normalised HDFS path that is not the root itself. */
export const hdfsPath = z.string().regex(/^(\/(?!\.{1,2}(\/|$))[^/:\0]+)+\/?$/, 'an absolute HDFS path, not "/" itself, without ":"');

/** Addresses of the NameNodes of one NameService. */
export const webHdfsUrls = z.array(z.url({ protocol: /^https?$/ })).min(1).describe('HTTP addresses of the NameNodes of one NameService, http://host:9870');

/** How HDFS is reached and how objects are stored on it. */
export interface HdfsPlace {
  readonly webhdfs: readonly string[];
  readonly user: string;
  readonly path: string;
  readonly replication?: number | undefined;
  /** Bytes; a multiple of the chunk size of the checksums. */
  readonly blockSize?: number | undefined;
}

/** What every HDFS can do. A file is in the memory of its DataNodes when it is closed, not necessarily on their disks. */
export function hdfsCapabilities(offCluster: boolean): StorageCapabilities {
  return { durable: false, space: true, offCluster, limits: {} };
}

/**
 * Opens a folder of an HDFS as a destination; makes it when only its last name is missing.
 * @throws Failure as of `StorageDriver.open`
 */
export async function openHdfs(place: HdfsPlace, { name, writer, mustExist }: Pick<StorageContext, 'name' | 'writer' | 'mustExist'>): Promise<StorageSession> {
  const { createWebHdfs } = await import('../protocols/webhdfs/createWebHdfs.ts');
  const { HdfsSession } = await import('./hdfsSession.ts');
  const root = place.path.replace(/\/+$/, '');
  const shown = `destination ${name} (${root} at ${place.webhdfs.join(', ')})`;
  const client = createWebHdfs({ urls: place.webhdfs, user: place.user });
  try {
    const status = await prepareRoot(client, root, mustExist === true, shown);
    const defaults = await client.serverDefaults();
    return new HdfsSession({
      client,
      writer,
      root,
      shown,
      rootId: status.fileId,
      blockSize: place.blockSize ?? defaults.blockSize,
      bytesPerChecksum: defaults.bytesPerChecksum,
      replication: place.replication ?? defaults.replication,
    });
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw hdfsFailure(error, shown);
  }
}

async function prepareRoot(client: WebHdfs, root: string, mustExist: boolean, shown: string): ReturnType<WebHdfs['status']> {
  let status = await client.statusOrUndefined(root);
  if (status === undefined) {
    if (mustExist) throw new Failure('E_DESTINATION_PATH', `${shown} is gone`);
    const parent = root.slice(0, root.lastIndexOf('/')) || '/';
    if ((await client.statusOrUndefined(parent))?.type !== 'DIRECTORY') {
      throw new Failure('E_DESTINATION_PATH', `${shown} is not there, nor is the folder above it`, { hint: `create ${parent} and give it to the user ${client.user}` });
    }
    await client.mkdirs(root, '700');
    status = await client.status(root);
  }
  if (status.type !== 'DIRECTORY') throw new Failure('E_DESTINATION_PATH', `${shown} is not a folder`);
  return status;
}
