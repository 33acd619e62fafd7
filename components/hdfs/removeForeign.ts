import type { Entry } from '../../contracts/entry.ts';
import type { HdfsStatus } from '../../protocols/webhdfs/webHdfs.ts';
import type { Connection } from './connection.ts';
import { parentOf } from './paths.ts';
import { REPLICATION } from './placement.ts';
import { isKind } from './sourceFailure.ts';

/** `--existing force`: takes from a directory that was there before the policies that its entry does not have. Before anything is written below it. */
export async function removeForeignPolicies({ client }: Connection, entry: Entry, path: string, signal: AbortSignal | undefined): Promise<void> {
  const now = await client.status(path, signal);
  if (now.storagePolicy === 0 && now.ecPolicy === undefined) return;
  const above = await client.status(parentOf(path), signal);
  await asFarAsAllowed(async () => {
    if (entry.attributes['storagePolicy'] === undefined && now.storagePolicy !== above.storagePolicy) await client.unsetStoragePolicy(path, signal);
    if (entry.attributes['ecPolicy'] === undefined && now.ecPolicy !== undefined && now.ecPolicy !== above.ecPolicy) await client.setEcPolicy(path, above.ecPolicy ?? REPLICATION, signal);
  });
}

/** The same for what is set when everything below it is written: extended attributes and quotas. */
export async function removeForeignAttributes({ client }: Connection, entry: Entry, path: string, now: HdfsStatus, signal: AbortSignal | undefined): Promise<void> {
  const wanted = (entry.attributes['xattrs'] ?? {}) as Record<string, string>;
  await asFarAsAllowed(async () => {
    for (const name of Object.keys(await client.xattrs(path, signal))) if (!Object.hasOwn(wanted, name)) await client.removeXattr(path, name, signal);
  });
  if (now.type !== 'DIRECTORY') return;
  const quota = (entry.attributes['quota'] ?? {}) as { readonly namespace?: number; readonly space?: number; readonly types?: Record<string, number> };
  await asFarAsAllowed(async () => {
    const there = await client.quotaUsage(path, signal);
    const none = { ...(there.quota >= 0 && quota.namespace === undefined ? { namespace: -1 } : {}), ...(there.spaceQuota >= 0 && quota.space === undefined ? { space: -1 } : {}) };
    if (Object.keys(none).length > 0) await client.setQuota(path, none, signal);
    for (const [type, { quota: bytes }] of Object.entries(there.typeQuota)) if (bytes >= 0 && quota.types?.[type] === undefined) await client.setQuotaByType(path, type, -1, signal);
  });
}

/** Who may not take something away leaves it: the comparison names it. */
async function asFarAsAllowed(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isKind(error, 'denied')) throw error;
  }
}
