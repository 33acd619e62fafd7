import { z } from 'zod';
import { mountedConfig } from './mounted/mountedConfig.ts';
import { serverName } from './serverName.ts';
import type { StorageDriver } from './storageDriver.ts';

const secret = z.union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })]);
/** For more libsmbclient has no room; and whoever has no name is nobody at all. */
const NAME_BYTES = 255;
/** Windows has names with blanks, and `user@domain.example`. */
const word = z.string().regex(/^(?! )[^\0-\x1f\\/:;%"]+(?<! )$/, 'a name without \\ / : ; % "; the domain of a user has a key of its own').refine((name) => Buffer.byteLength(name) <= NAME_BYTES, `longer than ${NAME_BYTES} bytes`);

const userSpace = z
  .strictObject({
    type: z.literal('CIFS'),
    server: serverName.describe('name or address of the SMB server'),
    share: z.string().regex(/^[^/\\\0]+$/, 'a name without slashes'),
    path: z.string().regex(/^(?!(.*\/)?\.\.(\/|$))[^\0-\x1f\\:*?"<>|]+$/, 'a path without ".." and what SMB has in no name: \\ : * ? " < > |').default('/').describe('a folder below the share'),
    port: z.int().min(1).max(65_535).default(445),
    user: word.optional(),
    domain: word.optional().describe('of the user, where the server is a member of one'),
    password: secret.optional(),
    guest: z.literal(true).optional().describe('log in as a guest: nobody is known, nothing is signed'),
    transport: z.enum(['signed', 'encrypted']).default('signed').describe('signed: and encrypted where the server wants it; encrypted: what is not is refused'),
    library: z.string().min(1).default('libsmbclient.so.0').describe('an absolute path, or a name that the loader of the system finds'),
    connections: z.int().min(1).max(16).default(4).describe('several transfers go side by side over so many connections, each in a process of its own'),
    timeoutSeconds: z.int().min(2).max(3600).default(60).describe('a server from which nothing comes for so long is given up; must be enough for 4 MiB'),
  })
  .refine((block) => block.guest === true || (block.user !== undefined && block.password !== undefined), { message: 'needs user and password, or guest: true', path: ['user'] })
  .refine((block) => block.guest === undefined || (block.password === undefined && block.domain === undefined), { message: 'a guest has no password and no domain', path: ['guest'] })
  .refine((block) => block.guest === undefined || block.transport === 'signed', { message: 'with a guest nothing is encrypted: he has no password', path: ['transport'] });

const mounted = z.strictObject({
  type: z.literal('CIFS'),
  ...mountedConfig,
  source: z.string().regex(/^\/\/[^\s/\\]+\/[^\0\\]+$/, '//server/share').describe('what is mounted there, as findmnt shows it: //server/share'),
});

const config = z.union([userSpace, mounted]);

/** Configuration of a destination of type `CIFS`, reached without a mount. */
export type CifsConfig = z.infer<typeof userSpace>;

/** A folder of an SMB share: reached by libsmbclient in child processes, without a mount and without root; or where the operator has mounted it. */
export const cifs: StorageDriver<z.infer<typeof config>> = {
  type: 'CIFS',
  config,
  // By a mount; without one the open session says that it is not.
  capabilities: { durable: true, space: true, offCluster: true, limits: {} },

  async open(place, context) {
    if ('mountPath' in place) {
      const { openMountedSession } = await import('./mounted/openMountedSession.ts');
      return await openMountedSession({ ...place, fileSystemTypes: ['cifs', 'smb3'], naming: 'windows' }, context);
    }
    const { openCifsSession } = await import('./cifs/openCifsSession.ts');
    return await openCifsSession(place, context);
  },
};
