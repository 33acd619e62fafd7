import { z } from 'zod';
import { Failure } from '../contracts/failure.ts';
import { hdfsCapabilities, hdfsPath, openHdfs, webHdfsUrls } from './hdfsDriver.ts';
import type { StorageDriver } from './storageDriver.ts';

const config = z.strictObject({
  type: z.literal('LocalHDFS'),
  cluster: z.string().min(1).describe('name of the cluster whose own HDFS it is'),
  instance: z.string().min(1).describe('name of the HDFS service instance in that cluster, hacluster by default in MRS'),
  path: hdfsPath,
  webhdfs: webHdfsUrls.optional().describe('put in from the service instance; not written by the operator'),
  user: z.string().min(1).optional().describe('put in from the service instance; not written by the operator'),
});

/** What the operator writes; `webhdfs` and `user` are put in from the named service instance when the configuration is loaded. */
export type LocalHdfsConfig = z.infer<typeof config>;
/** The same after loading: what `open` needs. */
export type ResolvedLocalHdfsConfig = LocalHdfsConfig & Required<Pick<LocalHdfsConfig, 'webhdfs' | 'user'>>;

/** The HDFS of the very cluster that is protected. */
export const localHdfs: StorageDriver<LocalHdfsConfig> = {
  type: 'LocalHDFS',
  config,
  capabilities: hdfsCapabilities(false),

  async open({ cluster, instance, path, webhdfs, user }, context) {
    if (webhdfs === undefined || user === undefined) {
      throw new Failure('E_CONFIG', `destination ${context.name} names the HDFS instance ${instance} of cluster ${cluster}, which is not configured`, {
        hint: `add clusters.${cluster}.services.HDFS.${instance} with webhdfs and user`,
      });
    }
    return await openHdfs({ webhdfs, user, path }, context);
  },
};
