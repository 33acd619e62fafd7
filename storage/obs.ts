import { Failure } from '../contracts/failure.ts';
import { createAgents } from './obs/obsAgents.ts';
import { obsConfig, type ObsConfig } from './obs/obsConfig.ts';
import { readCustomerKey } from './obs/obsCredentials.ts';
import { credentialsAway } from './obs/obsFailure.ts';
import type { StorageDriver } from './storageDriver.ts';

/** A folder of a bucket of Huawei Cloud's Object Storage Service, or of a server that speaks like it. */
export const obs: StorageDriver<ObsConfig> = {
  type: 'OBS',
  config: obsConfig,
  capabilities: {
    durable: true,
    // Only of a bucket with a quota, which few have.
    space: false,
    offCluster: true,
    limits: { 'very long names': 'the whole name of an object has at most 1,024 bytes there; no object of a backup has a longer one' },
  },

  async open(config, { name, writer, readSecret, mustExist }) {
    const { createObsClient } = await import('./obs/obsClient.ts');
    const { ObsSession } = await import('./obs/obsSession.ts');
    const { listPage } = await import('./obs/obsListing.ts');
    const shown = `destination ${name} (${config.bucket}/${config.path} at ${config.endpoint})`;
    const root = `${config.path}/`;
    const customerKey = await readCustomerKey(config, readSecret);
    const agents = await createAgents(config);
    try {
      const client = await createObsClient(config, agents, readSecret, shown);
      // Whether it is there, and whether we are let in.
      await listPage(client, config.bucket, root, undefined, false, shown, undefined);
      return new ObsSession({ client, bucket: config.bucket, root, shown, writer, stallMs: config.stallSeconds * 1000, config, customerKey }, agents);
    } catch (error) {
      agents.http.destroy();
      agents.https.destroy();
      if (mustExist === true && config.securityToken !== undefined && error instanceof Failure && error.code === 'E_SECRET') throw credentialsAway(error, shown);
      throw error;
    }
  },
};
