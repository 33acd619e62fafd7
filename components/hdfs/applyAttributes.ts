import type { Entry, Json } from '../../contracts/entry.ts';
import type { HdfsStatus } from '../../protocols/webhdfs/webHdfs.ts';
import type { RestoreTarget } from '../dataSource.ts';
import type { Connection } from './connection.ts';
import { createOwnerMap, fullAclSpec, mapAclEntry } from './owners.ts';
import { isKind } from './sourceFailure.ts';

/** Notes what could not be set, once each. */
function lose(connection: Connection, target: RestoreTarget, what: string): void {
  const losses = connection.losses.get(target.name) ?? new Set();
  connection.losses.set(target.name, losses);
  if (losses.size < 1_000) losses.add(what);
}

/** Tries what only a superuser may, or the target may be set up not to take; a refusal is a loss, which the comparison names, not a failure. */
async function asFarAsAllowed(connection: Connection, target: RestoreTarget, what: string, call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!isKind(error, 'denied', 'invalid')) throw error;
    lose(connection, target, isKind(error, 'denied') ? `${what}: ${connection.client.user} may not set it` : `${what}: the target does not take it: ${(error as Error).message.slice(0, 300)}`);
  }
}

/**
 * Gives a file or directory the attributes of its entry, in the one order that holds: owner, mode, ACL (chmod rewrites the mask), xattrs, quota, times.
 * `now` saves the requests for what is right already.
 */
export async function applyAttributes(connection: Connection, target: RestoreTarget, entry: Entry, path: string, now: HdfsStatus, signal: AbortSignal | undefined): Promise<void> {
  const { client } = connection;
  const owners = createOwnerMap(target.mapping.owners);
  const text = (name: string): string | undefined => (typeof entry.attributes[name] === 'string' ? (entry.attributes[name] as string) : undefined);
  const number = (name: string): number | undefined => (typeof entry.attributes[name] === 'number' ? (entry.attributes[name] as number) : undefined);

  const owner = text('owner') === undefined ? undefined : owners.to(text('owner')!);
  const group = text('group') === undefined ? undefined : owners.to(text('group')!);
  const newOwner = owner === now.owner ? undefined : owner;
  const newGroup = group === now.group ? undefined : group;
  if (newOwner !== undefined || newGroup !== undefined) await asFarAsAllowed(connection, target, 'owners and groups', () => client.setOwner(path, newOwner, newGroup, signal));

  const acl = entry.attributes['acl'];
  const permission = text('permission');
  if (!Array.isArray(acl) && now.aclBit) await client.removeAcl(path, signal); // inherited from a default ACL
  if (permission !== undefined && (permission !== now.permission || now.aclBit || Array.isArray(acl))) await client.setPermission(path, permission, signal);
  if (Array.isArray(acl)) {
    const spec = fullAclSpec((acl as string[]).map((one) => mapAclEntry(one, owners.to)), permission ?? now.permission);
    // Names of users may have a form that a WebHDFS server refuses (dfs.webhdfs.acl.provider.permission.pattern), or ACLs be switched off.
    await asFarAsAllowed(connection, target, `ACLs such as ${spec.slice(0, 200)}`, () => client.setAcl(path, spec, signal));
  }

  for (const [name, hex] of Object.entries((entry.attributes['xattrs'] ?? {}) as Record<string, string>)) {
    await asFarAsAllowed(connection, target, `extended attribute ${name}`, () => client.setXattr(path, name, hex, signal));
  }
  if (entry.type === 'directory') await applyQuota(connection, target, entry.attributes['quota'], path, signal);
  await client.setTimes(path, number('modificationTime'), entry.type === 'file' ? number('accessTime') : undefined, signal);
}

async function applyQuota(connection: Connection, target: RestoreTarget, quota: Json | undefined, path: string, signal: AbortSignal | undefined): Promise<void> {
  if (quota === undefined || quota === null || typeof quota !== 'object') return;
  const { namespace, space, types } = quota as { namespace?: number; space?: number; types?: Record<string, number> };
  const { client } = connection;
  await asFarAsAllowed(connection, target, 'quotas', async () => {
    if (namespace !== undefined || space !== undefined) await client.setQuota(path, { ...(namespace === undefined ? {} : { namespace }), ...(space === undefined ? {} : { space }) }, signal);
    for (const [type, bytes] of Object.entries(types ?? {})) await client.setQuotaByType(path, type, bytes, signal);
  });
}

/** Storage and erasure coding policy, which must be there before what is written below. */
export async function applyPolicies(connection: Connection, target: RestoreTarget, entry: Entry, path: string, signal: AbortSignal | undefined): Promise<void> {
  const { client } = connection;
  const storagePolicy = entry.attributes['storagePolicy'];
  if (typeof storagePolicy === 'string') {
    const known = [...(await connection.policies()).values()].includes(storagePolicy);
    if (known) await asFarAsAllowed(connection, target, 'storage policies', () => client.setStoragePolicy(path, storagePolicy, signal));
    else lose(connection, target, `storage policy ${storagePolicy}: not known at the target`);
  }
  const ecPolicy = entry.attributes['ecPolicy'];
  if (typeof ecPolicy === 'string' && entry.type === 'directory') {
    try {
      await asFarAsAllowed(connection, target, 'erasure coding policies', () => client.setEcPolicy(path, ecPolicy, signal));
    } catch (error) {
      if (!isKind(error, 'invalid')) throw error;
      lose(connection, target, `erasure coding policy ${ecPolicy}: not enabled at the target`);
    }
  }
}
