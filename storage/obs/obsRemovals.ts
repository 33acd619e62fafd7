import type { ObsPlace } from './obsPlace.ts';

/** The most a server takes in one request. */
const BATCH = 1000;

/** What passes: words of a server for a single object of a batch, which has no status of its own. */
const PASSING = /^(Internal(Server)?Error|SlowDown|Service(Unavailable|Busy)|ServerBusy|TooManyRequests|Throttling)$/;

interface Removal {
  readonly name: string;
  readonly what: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Removes objects; those asked for at the same time go in one request. Absent is done. */
export function createRemovals({ client, bucket, shown }: ObsPlace): (name: string, what: string) => Promise<void> {
  let waiting: Removal[] = [];

  const removeOne = async ({ name, what }: Removal): Promise<void> => {
    const { status, code } = await client.call('DeleteObject', { Bucket: bucket, Key: name }, { what, accept: [404] });
    if (code === 'NoSuchBucket') throw client.refusal({ status, code, message: '' }, what);
  };
  const removeAll = async (batch: readonly Removal[]): Promise<void> => {
    const { result } = await client.call('DeleteObjects', { Bucket: bucket, Quiet: true, Objects: batch.map(({ name }) => ({ Key: name })) }, { what: `${batch.length} objects of ${shown}` });
    const refused = new Map(((result['Errors'] ?? []) as readonly { readonly Key: string; readonly Code: string; readonly Message: string }[]).map((each) => [each.Key, each]));
    const names = new Set(batch.map(({ name }) => name));
    // One that is not said to be of any of these may be of each.
    const ofAny = [...refused.values()].find(({ Key }) => !names.has(Key));
    for (const { name, what, resolve, reject } of batch) {
      const error = refused.get(name) ?? ofAny;
      if (error === undefined || error.Code === 'NoSuchKey') resolve();
      else reject(client.refusal({ status: PASSING.test(error.Code) ? 503 : 403, code: error.Code, message: error.Message }, what));
    }
  };
  const flush = (): void => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH);
      const work = batch.length === 1 ? removeOne(batch[0]!).then(batch[0]!.resolve) : removeAll(batch);
      work.catch((error: unknown) => batch.forEach(({ reject }) => reject(error)));
    }
  };
  return (name, what) =>
    new Promise<void>((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ name, what, resolve, reject });
    });
}
