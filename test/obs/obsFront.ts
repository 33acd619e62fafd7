import { createHmac } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { FaultProxyOptions } from './faultProxy.ts';

/** Sub-resources that are signed along. */
const signed = ['uploads', 'uploadId', 'partNumber', 'delete', 'quota', 'storageinfo'];

/** What only OBS has, told by the front. */
export interface ObsState {
  /** Bytes; 0 is none. */
  quota: number;
  used: number;
  /** Temporary credentials: another token has expired. */
  token: string | undefined;
  /** `undefined`: it does not say that it is OBS. */
  api: string | undefined;
  /** Content-MD5 is not looked at. */
  ignoresDigests?: boolean;
}

/**
 * Makes an S3 server look like OBS: the bucket in the host name, headers `x-obs-…`, requests signed as `OBS`, which is checked and then signed anew
 * for the server. Also tells the quota of the bucket, and checks the token of temporary credentials.
 */
export function obsFront(keys: { readonly accessKey: string; readonly secretKey: string }, state: ObsState): NonNullable<FaultProxyOptions['translate']> {
  return (request) => {
    const bucket = /^([^.:]+)\./.exec(request.headers.host ?? '')?.[1];
    const url = new URL(request.url ?? '/', 'http://front');
    if (bucket === undefined) return { answer: { status: 400, code: 'InvalidBucketName' } };
    if (url.searchParams.has('apiversion')) return state.api === undefined ? { answer: { status: 404 } } : { answer: { status: 200, headers: { 'x-obs-api': state.api } } };
    const dialect = request.headers.authorization?.startsWith('OBS ') === true ? 'OBS' : 'AWS';
    const prefix = dialect === 'OBS' ? 'x-obs-' : 'x-amz-';
    const resource = `/${bucket}${url.pathname}${subResources(url)}`;
    if (request.headers.authorization !== `${dialect} ${keys.accessKey}:${signature(request.method!, request.headers as OutgoingHttpHeaders, prefix, resource, keys.secretKey)}`) return { answer: { status: 403, code: 'SignatureDoesNotMatch' } };
    if (dialect === 'OBS' && state.api === undefined) return { answer: { status: 400, code: 'UnsupportedAuthorizationType' } };
    if (state.token !== request.headers[`${prefix}security-token`]) return { answer: { status: 403, code: 'ExpiredToken' } };
    if (url.searchParams.has('quota')) return { answer: { status: 200, body: `<Quota><StorageQuota>${state.quota}</StorageQuota></Quota>` } };
    if (url.searchParams.has('storageinfo')) return { answer: { status: 200, body: `<GetBucketStorageInfoResult><Size>${state.used}</Size><ObjectNumber>1</ObjectNumber></GetBucketStorageInfoResult>` } };
    const headers = translated(request, prefix);
    if (state.ignoresDigests === true) delete headers['content-md5'];
    headers['authorization'] = `AWS ${keys.accessKey}:${signature(request.method!, headers, 'x-amz-', resource, keys.secretKey)}`;
    return { path: `/${bucket}${request.url}`, headers };
  };
}

function translated(request: IncomingMessage, prefix: string): OutgoingHttpHeaders {
  const dropped = [`${prefix}security-token`, 'authorization', 'host'];
  return Object.fromEntries(Object.entries(request.headers).filter(([name]) => !dropped.includes(name)).map(([name, value]) => [name.replace(prefix, 'x-amz-'), value]));
}

function subResources(url: URL): string {
  const present = [...url.searchParams].filter(([name]) => signed.includes(name)).map(([name, value]) => (value === '' ? name : `${name}=${value}`)).sort();
  return present.length === 0 ? '' : `?${present.join('&')}`;
}

function signature(method: string, headers: OutgoingHttpHeaders, prefix: string, resource: string, secretKey: string): string {
  const own = Object.entries(headers).filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}:${String(value)}\n`);
  const text = [method, headers['content-md5'] ?? '', headers['content-type'] ?? '', headers['date'] ?? ''].join('\n');
  return createHmac('sha1', secretKey).update(`${text}\n${own.join('')}${resource}`).digest('base64');
}
