import { TEMPORARY_FOLDER, decodeKey } from '../keyNames.ts';
import type { UnfinishedObject } from '../storageDriver.ts';
import { beginningOf, isOf } from '../temporaryName.ts';
import { listPages } from './obsListing.ts';
import type { ObsPlace } from './obsPlace.ts';
import type { UploadMarker } from './obsUpload.ts';

const SWEPT_AT_ONCE = 1000;

/**
 * Removes unfinished uploads that are old, those below a folder that is named, and those whose marker says that they are the writer's. They are invisible, but are paid for.
 * Returns the keys they would have become, at most 1,000.
 */
export async function sweepUploads(place: ObsPlace, olderThanMs: number, signal: AbortSignal | undefined, below?: string): Promise<readonly string[]> {
  const { client, bucket, root, shown, writer } = place;
  const swept = new Set<string>();
  const abort = async ({ name, uploadId }: UploadMarker): Promise<void> => {
    await client.call('AbortMultipartUpload', { Bucket: bucket, Key: name, UploadId: uploadId }, { what: shown, signal, accept: [404] });
    swept.add(decodeKey(name.slice(root.length)) ?? name);
  };
  const folder = `${root}${TEMPORARY_FOLDER}/`;
  let now = Date.now();
  for await (const page of listPages(client, bucket, folder, true, shown, signal)) {
    now = page.now;
    for (const { name, modifiedAt } of page.objects) {
      if (swept.size >= SWEPT_AT_ONCE) return [...swept];
      // Also when the server does not say how old it is.
      if (!(now - modifiedAt >= olderThanMs) && !isOf(writer, name.slice(folder.length))) continue;
      const marker = await readMarker(place, name, signal);
      if (marker !== undefined) await abort(marker);
      await client.call('DeleteObject', { Bucket: bucket, Key: name }, { what: shown, signal });
    }
  }
  // Those of writers that died before they had put their marker.
  for await (const upload of unfinishedUploads(place, signal)) {
    if (swept.size >= SWEPT_AT_ONCE) break;
    if (now - upload.begunAt >= olderThanMs || (below !== undefined && decodeKey(upload.name.slice(root.length))?.startsWith(below) === true)) await abort(upload);
  }
  return [...swept];
}

/** Unfinished uploads, under the keys they would become: whose they are, their marker tells. */
export async function* listUploads(place: ObsPlace, signal: AbortSignal | undefined): AsyncGenerator<UnfinishedObject> {
  const { client, bucket, root, shown } = place;
  const keyOf = (name: string): string => decodeKey(name.slice(root.length)) ?? name;
  const marked = new Set<string>();
  const folder = `${root}${TEMPORARY_FOLDER}/`;
  for await (const page of listPages(client, bucket, folder, true, shown, signal)) {
    for (const { name } of page.objects) {
      const upload = await readMarker(place, name, signal);
      if (upload === undefined) continue;
      marked.add(upload.uploadId);
      yield { key: keyOf(upload.name), length: await lengthOf(place, upload, signal), ...beginningOf(name.slice(folder.length)) };
    }
  }
  for await (const upload of unfinishedUploads(place, signal)) {
    if (!marked.has(upload.uploadId)) yield { key: keyOf(upload.name), length: await lengthOf(place, upload, signal), writer: undefined, begunAt: new Date(upload.begunAt) };
  }
}

/** Bytes of the parts that are there already; none when the upload is gone meanwhile. */
async function lengthOf({ client, bucket, shown }: ObsPlace, { name, uploadId }: UploadMarker, signal: AbortSignal | undefined): Promise<number> {
  let length = 0;
  for (let marker: Record<string, string> = {}; ;) {
    const { status, result } = await client.call('ListParts', { Bucket: bucket, Key: name, UploadId: uploadId, MaxParts: 1000, ...marker }, { what: shown, signal, accept: [404] });
    if (status === 404) return length;
    for (const { Size } of (result['Parts'] ?? []) as readonly { readonly Size: string }[]) length += Number(Size);
    const next = result['NextPartNumberMarker'];
    if (result['IsTruncated'] !== 'true' || typeof next !== 'string' || next === marker['PartNumberMarker']) return length;
    marker = { PartNumberMarker: next };
  }
}

async function* unfinishedUploads({ client, bucket, root, shown }: ObsPlace, signal: AbortSignal | undefined): AsyncGenerator<UploadMarker & { readonly begunAt: number }> {
  let marker: Record<string, string> = {};
  for (;;) {
    const { result } = await client.call('ListMultipartUploads', { Bucket: bucket, Prefix: root, MaxUploads: 1000, EncodingType: 'url', ...marker }, { what: shown, signal });
    const uploads = (result['Uploads'] ?? []) as readonly { readonly Key: string; readonly UploadId: string; readonly Initiated: string }[];
    for (const { Key, UploadId, Initiated } of uploads) if (Key.startsWith(root)) yield { name: Key, uploadId: UploadId, begunAt: Date.parse(Initiated) };
    const last = uploads.at(-1);
    if (result['IsTruncated'] !== 'true' || last === undefined || last.UploadId === marker['UploadIdMarker']) return;
    marker = { KeyMarker: last.Key, UploadIdMarker: last.UploadId };
  }
}

/** `undefined` when it is gone, or is none. */
async function readMarker({ client, bucket, root, shown }: ObsPlace, name: string, signal: AbortSignal | undefined): Promise<UploadMarker | undefined> {
  const { status, result } = await client.call('GetObject', { Bucket: bucket, Key: name }, { what: shown, signal, accept: [404] });
  if (status === 404) return undefined;
  try {
    const marker = JSON.parse(String(result['Content'])) as UploadMarker;
    return typeof marker.name === 'string' && marker.name.startsWith(root) && typeof marker.uploadId === 'string' && marker.uploadId !== '' ? marker : undefined;
  } catch {
    return undefined;
  }
}
