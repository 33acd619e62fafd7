import { isIP } from 'node:net';
import { z } from 'zod';

const secretReference = z.union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })]);

const MiB = 1024 * 1024;

/** Longest key of an object there, in bytes. */
export const longestKey = 1024;

const endpoint = z
  .string()
  .refine((text) => isBare(text, /^https?:\/\//i), { error: 'must be https://host or https://host:port: no path, no user, no IPv6 address' })
  .describe('address of the service in the region of the bucket, without the name of the bucket');

/** Block of a destination of type `OBS` in the configuration. */
export const obsConfig = z
  .strictObject({
    type: z.literal('OBS'),
    endpoint,
    bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'a name of a bucket: 3 to 63 of a-z, 0-9, "-" and "."').describe('an existing bucket'),
    path: z.string().regex(/^[A-Za-z0-9_@-][A-Za-z0-9._@-]*(\/[A-Za-z0-9_@-][A-Za-z0-9._@-]*)*$/, 'names of A-Z a-z 0-9 . _ @ -, separated by "/"').max(200).describe('folder of the bucket; everything is kept below it'),
    accessKey: secretReference.describe('where the access key id is'),
    secretKey: secretReference.describe('where the secret access key is'),
    securityToken: secretReference.optional().describe('where the token of temporary credentials is; all three are read again while a run goes on'),
    caFile: z.string().regex(/^\//, 'an absolute path').optional().describe('PEM file with the certificates to trust instead of the public authorities'),
    plainHttp: z.boolean().optional().describe('accept an http:// address: everything, signatures included, is then readable on the way'),
    pathStyle: z.boolean().optional().describe('put the bucket into the path instead of the host name; servers other than OBS often need it'),
    signature: z.enum(['auto', 'obs', 'v2']).default('auto').describe('how requests are signed; auto asks the server'),
    proxy: z.string().refine((text) => isBare(text, /^http:\/\//i), { error: 'must be http://host:port: no path, no user; one that asks for a password is not supported' }).optional().describe('http://host:port of a proxy to pass through'),
    storageClass: z.enum(['STANDARD', 'WARM', 'INTELLIGENT_TIERING']).optional().describe('default: the bucket’s; classes that must be thawed before reading are not offered'),
    serverSideEncryption: z
      .union([z.strictObject({ kms: z.literal(true), keyId: z.string().regex(/^[\x21-\x7e]+$/, 'the id of a key: no spaces').optional() }), z.strictObject({ customerKey: secretReference })])
      .optional()
      .describe('by a key of the service (kms), or by a key of ours that the service does not keep (32 bytes as 64 hex digits)'),
    multipartAbove: z.int().min(5 * MiB).max(5 * 1024 * MiB).default(40 * MiB).describe('bytes; larger objects are uploaded in parts'),
    partSize: z.int().min(5 * MiB).max(1024 * MiB).default(16 * MiB).describe('bytes'),
    stallSeconds: z.int().min(1).max(3600).default(60).describe('how long nothing may move before a request is given up'),
  })
  .superRefine((block, context) => {
    const issue = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    const url = URL.parse(block.endpoint);
    if (url === null) return;
    if (url.protocol === 'http:' && block.plainHttp !== true) issue('endpoint', 'is not encrypted: write https://, or set plainHttp: true if everybody on the way may read along');
    if (block.pathStyle !== true && isIP(url.hostname) !== 0) issue('pathStyle', 'must be true when the endpoint is an IP address');
    if (block.pathStyle === true && block.signature === 'obs') issue('signature', 'obs goes with the bucket in the host name only: remove pathStyle, or this');
    if (block.serverSideEncryption !== undefined && 'customerKey' in block.serverSideEncryption && url.protocol === 'http:') issue('serverSideEncryption', 'a key of ours is sent with every request and needs https');
  });

export type ObsConfig = z.infer<typeof obsConfig>;

/** An address of a server, and nothing else. */
function isBare(text: string, scheme: RegExp): boolean {
  const url = URL.parse(text);
  return url !== null && scheme.test(text.trim()) && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === '' && !url.hostname.startsWith('[');
}
