import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerPlace } from './labServer.ts';
import { secretFile } from './secretFile.ts';

/** The bucket of every S3 server in the lab. */
export const labBucket = 'vault';

/** Who may do what: `admin` everything, `reader` nothing but read and list. */
export type S3Account = 'admin' | 'reader';

export interface S3Keys {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** Files with the keys of an account. */
export function s3KeyFiles({ name, secretsFolder }: Pick<ServerPlace, 'name' | 'secretsFolder'>, account: S3Account = 'admin'): { readonly accessKey: string; readonly secretKey: string } {
  return { accessKey: join(secretsFolder, `${name}.${account}.access`), secretKey: join(secretsFolder, `${name}.${account}.secret`) };
}

/** The keys of an account, made up the first time. */
export async function makeS3Keys(place: ServerPlace, account: S3Account): Promise<S3Keys> {
  const files = s3KeyFiles(place, account);
  return { accessKey: await secretFile(files.accessKey, () => `LAB${randomBytes(9).toString('hex').toUpperCase()}`), secretKey: await secretFile(files.secretKey) };
}

/** A request to a server of the lab, signed as S3 of version 2, past the product. `path` begins with the bucket; `query` is a sub-resource such as `uploads`. */
export async function s3Request(place: ServerPlace, method: string, path: string, options: { readonly query?: string; readonly body?: Uint8Array<ArrayBuffer>; readonly search?: string } = {}): Promise<Response> {
  const files = s3KeyFiles(place);
  const resource = `/${path}${options.query === undefined ? '' : `?${options.query}`}`;
  const date = new Date().toUTCString();
  const signature = createHmac('sha1', readFileSync(files.secretKey, 'utf8')).update(`${method}\n\n\n\nx-amz-date:${date}\n${resource}`).digest('base64');
  const search = [options.query, options.search].filter((each) => each !== undefined).join('&');
  return await fetch(`http://127.0.0.1:${place.ports['http']}/${path}${search === '' ? '' : `?${search}`}`, {
    method,
    headers: { 'x-amz-date': date, authorization: `AWS ${readFileSync(files.accessKey, 'utf8')}:${signature}` },
    ...(options.body === undefined ? {} : { body: options.body }),
    signal: AbortSignal.timeout(10_000),
  });
}

/** Whether a server answers a signed request. */
export async function s3IsReady(place: ServerPlace): Promise<boolean> {
  try {
    const { status } = await s3Request(place, 'HEAD', labBucket);
    return status === 200 || status === 404;
  } catch {
    return false;
  }
}

/** Makes the bucket unless it is there. */
export async function makeBucket(place: ServerPlace): Promise<void> {
  if ((await s3Request(place, 'HEAD', labBucket)).ok) return;
  const made = await s3Request(place, 'PUT', labBucket);
  if (!made.ok) throw new Error(`${place.name}: the bucket could not be made: ${made.status} ${await made.text()}`);
}
