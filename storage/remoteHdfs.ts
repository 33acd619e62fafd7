import { z } from 'zod';
import { hdfsCapabilities, hdfsPath, openHdfs, webHdfsUrls } from './hdfsDriver.ts';
import type { StorageDriver } from './storageDriver.ts';

const config = z.strictObject({
  type: z.literal('RemoteHDFS'),
  webhdfs: webHdfsUrls,
  user: z.string().min(1).describe('name under which everything is done there'),
  path: hdfsPath,
  replication: z.int().min(1).max(512).optional().describe('replicas of each object; default: the server’s'),
  blockSize: z.int().min(1024).multipleOf(512).optional().describe('bytes; default: the server’s'),
});

/** Configuration of a destination of type `RemoteHDFS`. */
export type RemoteHdfsConfig = z.infer<typeof config>;

/** The HDFS of another cluster. */
export const remoteHdfs: StorageDriver<RemoteHdfsConfig> = {
  type: 'RemoteHDFS',
  config,
  capabilities: hdfsCapabilities(true),
  open: async (place, context) => await openHdfs(place, context),
};
