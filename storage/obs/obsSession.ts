import type { Readable } from 'node:stream';
import { Failure } from '../../contracts/failure.ts';
import { checkedBody } from '../checkedBody.ts';
import { listTree, type TreeChild } from '../listTree.ts';
import type { ByteRange, PutExpectation, StorageSession, StoredObject, UnfinishedObject } from '../storageDriver.ts';
import type { ObsAgents } from './obsAgents.ts';
import { bucketGone, networkFailure } from './obsFailure.ts';
import { listPage, listPages } from './obsListing.ts';
import { accessParameters, objectName, whatOf, type ObsPlace } from './obsPlace.ts';
import { createRemovals } from './obsRemovals.ts';
import { listUploads, sweepUploads } from './obsSweep.ts';
import { putInParts, putWhole } from './obsUpload.ts';
import { watchedChunks } from './requestWatch.ts';

/** A folder of a bucket. Objects appear whole or not at all by nature; what is left to do is to never send wrong or unfinished ones. */
export class ObsSession implements StorageSession {
  readonly reusable = true;
  readonly #place: ObsPlace;
  readonly #agents: ObsAgents;
  readonly #remove: (name: string, what: string) => Promise<void>;

  constructor(place: ObsPlace, agents: ObsAgents) {
    this.#place = place;
    this.#agents = agents;
    this.#remove = createRemovals(place);
  }

  async put(key: string, body: readonly Uint8Array[] | AsyncIterable<Uint8Array>, expected: PutExpectation, signal?: AbortSignal): Promise<void> {
    const what = whatOf(this.#place, key);
    const upload = { name: objectName(this.#place, key), blocks: checkedBody(body, expected, what, signal), expected, what, signal };
    if (expected.length > this.#place.config.multipartAbove) await putInParts(this.#place, upload);
    else await putWhole(this.#place, upload);
  }

  async *get(key: string, range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const { client, bucket, stallMs, customerKey } = this.#place;
    const what = whatOf(this.#place, key);
    const name = objectName(this.#place, key);
    if (range?.length === 0) {
      const length = (await this.stat(key, signal))?.length;
      if (length === undefined) throw new Failure('E_OBJECT_NOT_FOUND', `there is no ${what}`);
      if (range.offset > length) throw beyond(range, length, what);
      return;
    }
    const wanted = range === undefined ? {} : { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
    const { status, code, result, headers } = await client.call('GetObject', { Bucket: bucket, Key: name, SaveAsStream: true, ...wanted, ...accessParameters(customerKey) }, { what, signal, accept: [404, 416], isTransfer: true });
    if (code === 'NoSuchBucket') throw bucketGone(what);
    if (status === 404) throw await this.#absence(what, signal);
    if (status === 416) throw beyond(range!, undefined, what);
    const stream = result['Content'] as Readable;
    const length = Number(headers['content-length']);
    const from = status === 206 ? /^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1] : '0';
    if (range !== undefined && (Number(from) !== range.offset || length !== range.length)) {
      stream.destroy();
      if (Number(from) === range.offset && length < range.length) throw beyond(range, range.offset + length, what);
      throw new Failure('E_DESTINATION_PATH', `the server does not answer with the range that was asked for: ${what}`, { hint: 'is a proxy or another kind of server at the endpoint of the destination?' });
    }
    let read = 0;
    try {
      for await (const chunk of watchedChunks(stream, stallMs, what, signal)) {
        read += chunk.length;
        yield chunk;
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw networkFailure(error, what);
    }
    if (Number.isFinite(length) && read !== length) throw new Failure('E_DESTINATION_UNREACHABLE', `${read} of ${length} bytes came, of ${what}`);
  }

  async stat(key: string, signal?: AbortSignal): Promise<{ readonly length: number } | undefined> {
    const { client, bucket, customerKey } = this.#place;
    const what = whatOf(this.#place, key);
    const { status, result } = await client.call('GetObjectMetadata', { Bucket: bucket, Key: objectName(this.#place, key), ...accessParameters(customerKey) }, { what, signal, accept: [404] });
    if (status !== 404) return { length: Number(result['ContentLength']) };
    await this.#absence(what, signal);
    return undefined;
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<StoredObject> {
    yield* listTree({ children: (path) => this.#children(path, signal), measure: async () => undefined, whole: (path) => this.#whole(path, signal) }, prefix, signal);
  }

  async remove(key: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await this.#remove(objectName(this.#place, key), whatOf(this.#place, key));
  }

  /** The quota of the bucket, where it has one and the server tells what is used of it: OBS does, its imitations do not. */
  async space(signal?: AbortSignal): Promise<{ readonly freeBytes: number | undefined; readonly totalBytes: number | undefined }> {
    const { client, bucket, shown } = this.#place;
    const ask = async (method: string, field: string): Promise<number | undefined> => {
      const { status, result } = await client.call(method, { Bucket: bucket }, { what: shown, signal, accept: [400, 403, 404, 405, 501] });
      const text = status < 300 ? String(result[field] ?? '') : '';
      return /^\d+$/.test(text) ? Number(text) : undefined;
    };
    const quota = (await ask('GetBucketQuota', 'StorageQuota')) ?? 0;
    // None is told as 0.
    if (quota === 0) return { freeBytes: undefined, totalBytes: undefined };
    const used = await ask('GetBucketStorageInfo', 'Size');
    return { freeBytes: used === undefined ? undefined : Math.max(0, quota - used), totalBytes: quota };
  }

  async *unfinished(signal?: AbortSignal): AsyncGenerator<UnfinishedObject> {
    yield* listUploads(this.#place, signal);
  }

  async sweep(olderThanMs: number, signal?: AbortSignal, below?: string): Promise<readonly string[]> {
    return await sweepUploads(this.#place, olderThanMs, signal, below);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#place.client.close();
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  /** @throws Failure E_DESTINATION_UNREACHABLE when it is the bucket that is absent */
  async #absence(what: string, signal: AbortSignal | undefined): Promise<Failure> {
    const { client, bucket, shown } = this.#place;
    if (!client.sawBucket && (await client.call('HeadBucket', { Bucket: bucket }, { what: shown, signal, accept: [404] })).status === 404) throw bucketGone(what);
    return new Failure('E_OBJECT_NOT_FOUND', `there is no ${what}`);
  }

  async #whole(path: string, signal: AbortSignal | undefined): Promise<readonly { readonly path: string; readonly length: number }[] | undefined> {
    const { client, bucket, shown } = this.#place;
    const folder = this.#folder(path);
    const page = await listPage(client, bucket, folder, undefined, true, shown, signal);
    return page.next === undefined ? page.objects.map(({ name, length }) => ({ path: name.slice(folder.length), length })) : undefined;
  }

  async *#children(path: string, signal: AbortSignal | undefined): AsyncGenerator<TreeChild> {
    const { client, bucket, shown } = this.#place;
    const folder = this.#folder(path);
    for await (const page of listPages(client, bucket, folder, false, shown, signal)) {
      for (const { name, length } of page.objects) yield { name: name.slice(folder.length), isFolder: false, length };
      for (const name of page.folders) yield { name: name.slice(folder.length, -1), isFolder: true };
    }
  }

  #folder(path: string): string {
    return path === '' ? this.#place.root : `${this.#place.root}${path}/`;
  }
}

function beyond({ offset, length }: ByteRange, end: number | undefined, what: string): Failure {
  return new Failure('E_CORRUPT', `bytes ${offset} to ${offset + length} asked of ${end ?? 'fewer'}: ${what}`);
}
