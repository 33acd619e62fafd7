import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Failure } from '../../contracts/failure.ts';
import type { PutExpectation } from '../storageDriver.ts';
import { temporaryName } from '../temporaryName.ts';
import { TEMPORARY_FOLDER } from '../keyNames.ts';
import { accessParameters, creationParameters, type ObsPlace } from './obsPlace.ts';

/** Parts of one object on their way at once; as many are in memory. */
const PARTS_AT_ONCE = 4;
/** Some servers put parts together by copying them, and say nothing meanwhile. */
const COMPLETION_MS = 600_000;
/** After a failure nobody waits long for a server that may be away. */
const CLEANING_MS = 5000;
/** No server takes more. */
const MOST_PARTS = 10_000;

/** What an unfinished upload leaves beside it, so that it can be found again by whose it is. */
export interface UploadMarker {
  readonly name: string;
  readonly uploadId: string;
}

/** An object to store: checked blocks, which throw at their end unless they are what was promised. */
export interface Upload {
  readonly name: string;
  readonly blocks: AsyncIterable<Uint8Array>;
  readonly expected: PutExpectation;
  readonly what: string;
  readonly signal: AbortSignal | undefined;
}

/** Stores an object in one request. It is all in memory first: nothing is sent that was not found right, and its digest goes ahead of it. */
export async function putWhole(place: ObsPlace, { name, blocks, expected, what, signal }: Upload): Promise<void> {
  const { client, bucket } = place;
  const body: Uint8Array[] = [];
  for await (const block of blocks) body.push(block);
  const md5 = md5Of(body);
  const { result, headers } = await client.call('PutObject', { Bucket: bucket, Key: name, ContentLength: expected.length, ContentMD5: md5.toString('base64'), ...creationParameters(place) }, { what, signal, body, isTransfer: true });
  try {
    if (!isEncrypted(headers)) checkDigest(result['ETag'], md5, what);
  } catch (error) {
    // A server that does not look at the digest has already shown the object.
    await client.call('DeleteObject', { Bucket: bucket, Key: name }, { what }).catch(() => undefined);
    throw error;
  }
}

/** Stores a large object in parts. It appears when all of them are there; what is unfinished is removed. */
export async function putInParts(place: ObsPlace, upload: Upload): Promise<void> {
  const { client, bucket, config } = place;
  const { name, expected, what, signal } = upload;
  const target = { Bucket: bucket, Key: name };
  const { result, headers } = await client.call('InitiateMultipartUpload', { ...target, ...creationParameters(place) }, { what, signal });
  const uploadId = String(result['UploadId'] ?? '');
  if (uploadId === '') throw new Failure('E_DESTINATION_UNREACHABLE', `the server began no upload of ${what}`);
  const marker = `${place.root}${TEMPORARY_FOLDER}/${temporaryName(place.writer)}`;
  try {
    await putMarker(place, marker, { name, uploadId }, what, signal);
    const partBytes = Math.max(config.partSize, Math.ceil(expected.length / MOST_PARTS));
    const parts = await sendParts(place, upload, { uploadId, partBytes, isEncrypted: isEncrypted(headers) });
    const { result: completed } = await client.call('CompleteMultipartUpload', { ...target, UploadId: uploadId, Parts: parts }, { what, signal, isTransfer: true, stallMs: COMPLETION_MS });
    // "200 OK" is sent before the parts are put together; what went wrong then follows in its body.
    if (!completed['ETag']) throw new Failure('E_DESTINATION_UNREACHABLE', `the server did not put the parts together, of ${what}`);
    const { result: stored } = await client.call('GetObjectMetadata', { ...target, ...accessParameters(place.customerKey) }, { what, signal });
    if (Number(stored['ContentLength']) !== expected.length) throw new Failure('E_DESTINATION_UNREACHABLE', `the server kept ${String(stored['ContentLength'])} of ${expected.length} bytes of ${what}`);
  } catch (error) {
    // Without the signal: owed also after an abort. What cannot be removed now is swept later, and so its marker stays.
    await client
      .call('AbortMultipartUpload', { ...target, UploadId: uploadId }, { what, accept: [404], stallMs: CLEANING_MS })
      .then(() => client.call('DeleteObject', { Bucket: bucket, Key: marker }, { what, stallMs: CLEANING_MS }))
      .catch(() => undefined);
    throw error;
  }
  await client.call('DeleteObject', { Bucket: bucket, Key: marker }, { what, signal });
}

/** Sends the parts, some at once. Waits for all that are on their way before it throws. */
async function sendParts(place: ObsPlace, { name, blocks, what, signal }: Upload, { uploadId, partBytes, isEncrypted }: { readonly uploadId: string; readonly partBytes: number; readonly isEncrypted: boolean }): Promise<{ readonly PartNumber: number; readonly ETag: string }[]> {
  const { client, bucket, customerKey } = place;
  const sent: { PartNumber: number; ETag: string }[] = [];
  const underway = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;
  const send = async (number: number, body: readonly Uint8Array[], length: number): Promise<void> => {
    const md5 = md5Of(body);
    const { result } = await client.call('UploadPart', { Bucket: bucket, Key: name, UploadId: uploadId, PartNumber: number, PartSize: length, ContentMD5: md5.toString('base64'), ...accessParameters(customerKey) }, { what: `part ${number} of ${what}`, signal, body, isTransfer: true });
    if (!isEncrypted) checkDigest(result['ETag'], md5, what);
    sent.push({ PartNumber: number, ETag: String(result['ETag']) });
  };
  try {
    let number = 0;
    for await (const { body, length } of inParts(blocks, partBytes)) {
      const part = send(++number, body, length).catch((error: unknown) => void (failed ??= { error })).finally(() => underway.delete(part));
      underway.add(part);
      if (underway.size >= PARTS_AT_ONCE) await Promise.race(underway);
      if (failed !== undefined) break;
    }
  } finally {
    await Promise.all(underway);
  }
  if (failed !== undefined) throw failed.error;
  return sent.sort((a, b) => a.PartNumber - b.PartNumber);
}

/** Blocks cut into parts of exactly this size, the last one less; nothing is copied. */
async function* inParts(blocks: AsyncIterable<Uint8Array>, partBytes: number): AsyncGenerator<{ readonly body: readonly Uint8Array[]; readonly length: number }> {
  let body: Uint8Array[] = [];
  let length = 0;
  for await (const block of blocks) {
    for (let rest = block; rest.length > 0; ) {
      const piece = rest.subarray(0, partBytes - length);
      rest = rest.subarray(piece.length);
      body.push(piece);
      length += piece.length;
      if (length < partBytes) continue;
      yield { body, length };
      body = [];
      length = 0;
    }
  }
  if (length > 0) yield { body, length };
}

async function putMarker({ client, bucket }: ObsPlace, marker: string, content: UploadMarker, what: string, signal: AbortSignal | undefined): Promise<void> {
  const body = [Buffer.from(JSON.stringify(content))];
  await client.call('PutObject', { Bucket: bucket, Key: marker, ContentLength: body[0]!.length, ContentMD5: md5Of(body).toString('base64') }, { what, signal, body });
}

function md5Of(body: readonly Uint8Array[]): Buffer {
  const hash = createHash('md5');
  for (const block of body) hash.update(block);
  return hash.digest();
}

/** Whether the server encrypts, because we or the bucket say so: its digest is then of something else. */
function isEncrypted(headers: IncomingHttpHeaders): boolean {
  return Object.keys(headers).some((name) => /^x-(obs|amz)-server-side-encryption/.test(name));
}

/** Compares with the server's own digest, where it tells one. */
function checkDigest(etag: unknown, md5: Buffer, what: string): void {
  const told = /^"?([0-9a-f]{32})"?$/i.exec(String(etag))?.[1];
  if (told === undefined || told.toLowerCase() === md5.toString('hex')) return;
  throw new Failure('E_DESTINATION_UNREACHABLE', `the server holds other bytes than were sent, of ${what}; nothing was stored`, { hint: 'a connection was damaged on the way; it is written again' });
}
