import { Failure } from '../../contracts/failure.ts';
import type { ObsClient } from './obsClient.ts';

/** Names of objects and folders, in the order of their bytes. */
export interface ListedPage {
  readonly objects: readonly { readonly name: string; readonly length: number; readonly modifiedAt: number }[];
  /** Each ends in `/`. */
  readonly folders: readonly string[];
  /** Where the next page begins; `undefined` after the last. */
  readonly next: string | undefined;
  /** The server’s clock. */
  readonly now: number;
}

const PAGE = 1000;

/** One page of a bucket. */
export async function listPage(client: ObsClient, bucket: string, prefix: string, after: string | undefined, isFlat: boolean, what: string, signal: AbortSignal | undefined): Promise<ListedPage> {
  const { result, headers } = await client.call('ListObjects', {
    Bucket: bucket, Prefix: prefix, MaxKeys: PAGE, EncodingType: 'url', ...(after === undefined ? {} : { Marker: after }), ...(isFlat ? {} : { Delimiter: '/' }),
  }, { what, signal });
  const contents = (result['Contents'] ?? []) as readonly { readonly Key: string; readonly Size: string; readonly LastModified: string }[];
  const objects = contents.map(({ Key, Size, LastModified }) => ({ name: Key, length: Number(Size), modifiedAt: Date.parse(LastModified) }));
  const folders = ((result['CommonPrefixes'] ?? []) as readonly { readonly Prefix: string }[]).map(({ Prefix }) => Prefix);
  // Not the server's own word for it: some encode it once, some twice, and some leave it out.
  const last = [objects.at(-1)?.name, folders.at(-1)].filter((each) => each !== undefined).sort().at(-1);
  const isTruncated = result['IsTruncated'] === 'true';
  if (isTruncated && (last === undefined || last === after)) throw new Failure('E_DESTINATION_UNREACHABLE', `the server says that more follows, but lists nothing new, at ${what}`);
  const next = isTruncated ? last : undefined;
  return { objects, folders, next, now: Date.parse(headers.date ?? '') || Date.now() };
}

/** All pages. */
export async function* listPages(client: ObsClient, bucket: string, prefix: string, isFlat: boolean, what: string, signal: AbortSignal | undefined): AsyncGenerator<ListedPage> {
  let after: string | undefined;
  do {
    const page = await listPage(client, bucket, prefix, after, isFlat, what, signal);
    yield page;
    after = page.next;
  } while (after !== undefined);
}
