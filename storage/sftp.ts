import { z } from 'zod';
import type { StorageDriver } from './storageDriver.ts';

const secret = z.union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })]);
const fingerprint = z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/, 'a fingerprint as ssh-keygen -lf shows it: SHA256:…');
const absolutePath = z.string().regex(/^\/[^\0]*$/, 'an absolute path');

const config = z
  .strictObject({
    type: z.literal('SFTP'),
    host: z.string().min(1),
    port: z.int().min(1).max(65_535).default(22),
    user: z.string().min(1),
    path: z.string().regex(/^(?!~)(?!(.*\/)?\.\.(\/|$))[^\0]+$/, 'a path without ".." and "~"').describe('a folder on the server; a relative one counts from where the server puts the user'),
    password: secret.optional(),
    privateKey: secret.optional().describe('a private key in the format of OpenSSH or PEM; the whole file'),
    passphrase: secret.optional().describe('of the private key'),
    agent: z.union([z.literal(true), absolutePath]).optional().describe('the socket of an SSH agent; true: that of SSH_AUTH_SOCK, in the worker’s environment'),
    hostKey: z.union([fingerprint, z.array(fingerprint).min(1)]).optional().describe('fingerprints of the keys that the server may show'),
    knownHosts: absolutePath.optional().describe('a known_hosts file of OpenSSH on the machine of the worker'),
    channels: z.int().min(1).max(10).default(4).describe('requests of several transfers go side by side in this many channels of one connection; sshd allows 10'),
    connections: z.int().min(1).max(8).default(2).describe('large transfers go side by side over so many connections; small requests share one'),
    timeoutSeconds: z.int().min(2).max(3600).default(60).describe('a connection on which nothing comes back, or no request is answered, for so long is given up'),
  })
  .refine((block) => block.password !== undefined || block.privateKey !== undefined || block.agent !== undefined, { message: 'needs one of password, privateKey and agent' })
  .refine((block) => block.passphrase === undefined || block.privateKey !== undefined, { message: 'passphrase goes with privateKey', path: ['passphrase'] })
  .refine((block) => (block.hostKey === undefined) !== (block.knownHosts === undefined), { message: 'needs exactly one of hostKey and knownHosts: the server is always checked' });

/** Configuration of a destination of type `SFTP`. */
export type SftpConfig = z.infer<typeof config>;

/** A folder of an SFTP server. What a server cannot do, its open session says (`found`). */
export const sftp: StorageDriver<SftpConfig> = {
  type: 'SFTP',
  config,
  capabilities: { durable: true, space: true, offCluster: true, limits: {} },

  async open(place, context) {
    const { openSftpSession } = await import('./sftp/openSftpSession.ts');
    return await openSftpSession(place, context);
  },
};
