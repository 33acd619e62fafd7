import { z } from 'zod';
import { mountedConfig } from './mounted/mountedConfig.ts';
import { serverName } from './serverName.ts';
import type { StorageDriver } from './storageDriver.ts';

const port = z.int().min(1).max(65_535);
const id = z.int().min(0).max(4_294_967_294);

const userSpace = z.strictObject({
  type: z.literal('NFS'),
  server: serverName.describe('name or address of the NFS server'),
  export: z.string().regex(/^\/[^\0]*$/, 'an absolute path').describe('the export, as the server names it'),
  path: z.string().regex(/^(?!(.*\/)?\.\.(\/|$))[^\0]+$/, 'a path without ".."').default('/').describe('a folder below the export'),
  version: z.number().refine((version) => version === 3, 'only 3: other versions need a mount, with mountPath and source').default(3).describe('of the protocol: 3, others need a mount'),
  nfsPort: port.optional().describe('where no portmapper of the server is to be asked'),
  mountPort: port.optional().describe('of the server’s mount service, where no portmapper is to be asked'),
  uid: id.optional().describe('the user that the server is told (AUTH_SYS); without it, that of the worker'),
  gid: id.optional().describe('the group that the server is told; without it, that of the worker'),
  library: z.string().min(1).optional().describe('libnfs 4 or 5: an absolute path, or a name that the loader of the system finds; without it, libnfs.so.13 or libnfs.so.14'),
  connections: z.int().min(1).max(16).default(4).describe('several transfers go side by side over so many connections, each in a process of its own'),
  timeoutSeconds: z.int().min(2).max(3600).default(60).describe('a server from which nothing comes for so long is given up; must be enough for 1 MiB'),
});

const mounted = z.strictObject({
  type: z.literal('NFS'),
  ...mountedConfig,
  source: z.string().regex(/^[^\s/]+:\/[^\0]*$/, 'server:/export').describe('what is mounted there, as findmnt shows it: server:/export'),
});

const config = z.union([userSpace, mounted]);

/** Configuration of a destination of type `NFS`, reached without a mount. */
export type NfsConfig = z.infer<typeof userSpace>;

/** A folder of an NFS server: reached by libnfs in child processes, without a mount and without root; or where the operator has mounted it. */
export const nfs: StorageDriver<z.infer<typeof config>> = {
  type: 'NFS',
  config,
  capabilities: { durable: true, space: true, offCluster: true, limits: {} },

  async open(place, context) {
    if ('mountPath' in place) {
      const { openMountedSession } = await import('./mounted/openMountedSession.ts');
      return await openMountedSession({ ...place, fileSystemTypes: ['nfs', 'nfs4'], naming: 'exact' }, context);
    }
    const { openNfsSession } = await import('./nfs/openNfsSession.ts');
    return await openNfsSession(place, context);
  },
};
