import type { Entry, Json } from '../../contracts/entry.ts';
import type { HdfsStatus } from '../../protocols/webhdfs/webHdfs.ts';
import { REPLICATION } from './placement.ts';

/** What a directory hands down: entries record a policy only where it is another than their directory's. */
export interface Inherited {
  readonly storagePolicy: number;
  readonly ecPolicy: string | undefined;
}

export const NOTHING_INHERITED: Inherited = { storagePolicy: 0, ecPolicy: undefined };

export type PolicyNames = ReadonlyMap<number, string>;

/** The entry of a status, without what costs a request of its own. */
export function entryOf(key: string, status: HdfsStatus, inherited: Inherited, policies: PolicyNames): Entry {
  const type = status.type === 'FILE' ? 'file' : status.type === 'DIRECTORY' ? 'directory' : 'symlink';
  const attributes: Record<string, Json> = {
    owner: status.owner,
    group: status.group,
    permission: status.permission,
    modificationTime: status.modificationTime,
    accessTime: status.accessTime,
    fileId: status.fileId,
  };
  if (type === 'file') {
    attributes['replication'] = status.replication;
    attributes['blockSize'] = status.blockSize;
  }
  if (type === 'symlink') attributes['symlink'] = status.symlink ?? '';
  if (status.storagePolicy !== 0 && status.storagePolicy !== inherited.storagePolicy) attributes['storagePolicy'] = policies.get(status.storagePolicy) ?? `id ${status.storagePolicy}`;
  // The policy of a file is its own for ever; that of a directory is handed down.
  if (status.ecPolicy !== undefined && (type === 'file' || status.ecPolicy !== inherited.ecPolicy)) attributes['ecPolicy'] = status.ecPolicy;
  // Whose policy is replication, the server says nothing of it.
  if (type === 'directory' && status.ecPolicy === undefined && inherited.ecPolicy !== undefined) attributes['ecPolicy'] = REPLICATION;
  if (status.aclBit) attributes['hasAcl'] = true; // replaced by `acl` in complete()
  const length = type === 'file' ? status.length : 0;
  if (status.encBit) return { key, type, length, attributes, gap: 'in an encryption zone: its plain content must not leave the cluster' };
  // Its target is kept, but nothing could bring it back: servers answer CREATESYMLINK with "Symlinks not supported".
  if (type === 'symlink') return { key, type, length, attributes, gap: `a symbolic link to ${status.symlink ?? 'an unknown target'}: HDFS refuses to create symbolic links, so it cannot be restored` };
  return { key, type, length, attributes };
}

export function inheritedFrom(status: HdfsStatus): Inherited {
  return { storagePolicy: status.storagePolicy, ecPolicy: status.ecPolicy };
}
