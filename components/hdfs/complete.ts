import type { Entry, Json } from '../../contracts/entry.ts';
import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';
import type { Connection } from './connection.ts';
import { isKind } from './sourceFailure.ts';

/**
 * The entry with ACL, xattrs and quota, read at `path`. ACLs and xattrs are those of the snapshot when `path` is in one; quotas are always
 * the present ones. A quota costs the NameNode a walk below the directory where none is set, so it is asked of superusers only.
 */
export async function withCostlyAttributes(connection: Connection, entry: Entry, path: string, signal: AbortSignal | undefined): Promise<Entry> {
  if (entry.type === 'symlink' || entry.gap !== undefined) return entry;
  const { client } = connection;
  const { hasAcl, ...attributes } = entry.attributes;
  const quotaWanted = entry.type === 'directory' && (await connection.isSuperuser());
  const [xattrs, acl, quota] = await Promise.all([
    client.xattrs(path, signal),
    hasAcl === true ? client.acl(path, signal) : undefined,
    quotaWanted ? readQuota(client, path, signal) : undefined,
  ]);
  const more: Record<string, Json> = { ...attributes };
  if (acl !== undefined) more['acl'] = [...acl.entries];
  if (Object.keys(xattrs).length > 0) more['xattrs'] = Object.fromEntries(Object.entries(xattrs).sort(([a], [b]) => (a < b ? -1 : 1)));
  if (quota !== undefined) more['quota'] = quota;
  return { ...entry, attributes: more };
}

async function readQuota(client: WebHdfs, path: string, signal: AbortSignal | undefined): Promise<Json | undefined> {
  try {
    const usage = await client.quotaUsage(path, signal);
    const types = Object.entries(usage.typeQuota ?? {}).filter(([, one]) => one.quota >= 0).map(([type, one]) => [type, one.quota] as const);
    if (usage.quota < 0 && usage.spaceQuota < 0 && types.length === 0) return undefined;
    return {
      ...(usage.quota < 0 ? {} : { namespace: usage.quota }),
      ...(usage.spaceQuota < 0 ? {} : { space: usage.spaceQuota }),
      ...(types.length === 0 ? {} : { types: Object.fromEntries(types) }),
    };
  } catch (error) {
    if (isKind(error, 'denied')) return undefined;
    throw error;
  }
}
