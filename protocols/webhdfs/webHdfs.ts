import type { SnapshotDiff, SnapshotListing } from './snapshotDiff.ts';

/** Where the NameNodes of one NameService are and who talks to them. */
export interface WebHdfsOptions {
  /** HTTP(S) addresses of the NameNodes of one NameService, `http://host:9870`; the active one is found. */
  readonly urls: readonly string[];
  /** `user.name` of every request (security off). */
  readonly user: string;
  /** How long a NameNode may take for one answer. Default 60,000. */
  readonly timeoutMs?: number;
  /** How long a transfer may make no progress. Default 60,000. */
  readonly stallMs?: number;
  /** Sockets to the NameNodes at a time. Default 32. */
  readonly maxSockets?: number;
}

/** `FileStatus` of WebHDFS, with our words. */
export interface HdfsStatus {
  /** Name in its directory; empty for the status of a path itself. */
  readonly pathSuffix: string;
  readonly type: 'FILE' | 'DIRECTORY' | 'SYMLINK';
  readonly length: number;
  readonly owner: string;
  readonly group: string;
  /** Octal without a leading zero, sticky bit included: `755`, `1777`. */
  readonly permission: string;
  readonly modificationTime: number;
  readonly accessTime: number;
  readonly blockSize: number;
  readonly replication: number;
  readonly fileId: number;
  /** -1 where the server does not say. */
  readonly childrenNum: number;
  /** Id of the effective storage policy; 0 is "unspecified". */
  readonly storagePolicy: number;
  readonly aclBit: boolean;
  readonly encBit: boolean;
  readonly ecBit: boolean;
  /** Name of the erasure coding policy, where there is one. */
  readonly ecPolicy: string | undefined;
  readonly snapshotEnabled: boolean;
  readonly symlink: string | undefined;
}

/** ACL as GETACLSTATUS gives it: without user, mask and other of the access ACL when nothing extended is there. */
export interface HdfsAcl {
  readonly owner: string;
  readonly group: string;
  readonly permission: string;
  readonly stickyBit: boolean;
  readonly entries: readonly string[];
}

export interface HdfsChecksum {
  readonly algorithm: string;
  /** 28 bytes, lower-case hex. */
  readonly hex: string;
}

/** Numbers of -1 mean: no quota. */
export interface HdfsQuotaUsage {
  readonly fileAndDirectoryCount: number;
  readonly quota: number;
  readonly spaceConsumed: number;
  readonly spaceQuota: number;
  /** Storage type → quota and use. */
  readonly typeQuota: Readonly<Record<string, { readonly quota: number; readonly consumed: number }>>;
}

export interface HdfsContentSummary extends HdfsQuotaUsage {
  readonly length: number;
  readonly fileCount: number;
  readonly directoryCount: number;
}

export interface HdfsServerDefaults {
  readonly blockSize: number;
  readonly bytesPerChecksum: number;
  readonly checksumType: string;
  readonly replication: number;
  readonly keyProviderUri: string | undefined;
}

export interface HdfsBlock {
  readonly offset: number;
  readonly length: number;
  readonly hosts: readonly string[];
  /** Every copy the NameNode knows is. */
  readonly corrupt: boolean;
}

export interface CreateOptions {
  /** Default false: an existing file is an error of kind `exists`. */
  readonly overwrite?: boolean;
  /** Bytes that will be sent; the body is refused when it gives another number. Without it the body is sent in chunks. */
  readonly length?: number;
  readonly replication?: number;
  readonly blockSize?: number;
  /** Octal, `640`. */
  readonly permission?: string;
}

export interface OpenFile {
  readonly path: string;
  readonly user: string | undefined;
}

/**
 * A thin client of one NameService. Every path is absolute and unencoded. Every method throws `WebHdfsError`, whose `kind`
 * says in neutral words what happened; `signal` aborts promptly with the signal's reason. Nothing is retried, except that a standby's refusal
 * or a NameNode that does not answer leads to the other NameNode, once each.
 */
export interface WebHdfs extends AsyncDisposable {
  readonly user: string;

  status(path: string, signal?: AbortSignal): Promise<HdfsStatus>;
  /** `undefined` instead of the error `notFound`. */
  statusOrUndefined(path: string, signal?: AbortSignal): Promise<HdfsStatus | undefined>;
  /** Pages of a directory in the NameNode's order: names by *signed* bytes, so that everything beyond ASCII comes first. `startAfter` is a name. A file yields one page with its own status, pathSuffix ''. */
  listPaged(path: string, options?: { readonly startAfter?: string }, signal?: AbortSignal): AsyncIterable<readonly HdfsStatus[]>;
  /** Creates the directory and its parents; an existing directory is fine. */
  mkdirs(path: string, permission?: string, signal?: AbortSignal): Promise<void>;
  /** Writes a file. When it throws, a shorter file may lie there, closed and with a valid checksum: write to temporary names. Returns the bytes sent. */
  create(path: string, body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, options?: CreateOptions, signal?: AbortSignal): Promise<number>;
  /** Exactly `length` bytes from `offset`; fewer are an error of kind `short` (file is shorter) or `unreachable` (DataNode died). */
  open(path: string, offset: number, length: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** `overwrite` replaces an existing file or empty directory atomically. The target's parent must exist. */
  rename(from: string, to: string, options?: { readonly overwrite?: boolean }, signal?: AbortSignal): Promise<void>;
  /** Returns false when there was nothing. Not into the trash. */
  delete(path: string, options?: { readonly recursive?: boolean }, signal?: AbortSignal): Promise<boolean>;
  checksum(path: string, signal?: AbortSignal): Promise<HdfsChecksum>;
  blockLocations(path: string, offset: number, length: number, signal?: AbortSignal): Promise<readonly HdfsBlock[]>;

  acl(path: string, signal?: AbortSignal): Promise<HdfsAcl>;
  /** The full specification, `user::rwx,group::r-x,other::---,default:...`. */
  setAcl(path: string, spec: string, signal?: AbortSignal): Promise<void>;
  removeAcl(path: string, signal?: AbortSignal): Promise<void>;
  /** Name → value in lower-case hex. */
  xattrs(path: string, signal?: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /** Creates or replaces. `hex` may be empty. */
  setXattr(path: string, name: string, hex: string, signal?: AbortSignal): Promise<void>;
  removeXattr(path: string, name: string, signal?: AbortSignal): Promise<void>;
  setPermission(path: string, permission: string, signal?: AbortSignal): Promise<void>;
  setOwner(path: string, owner: string | undefined, group: string | undefined, signal?: AbortSignal): Promise<void>;
  /** Milliseconds; `undefined` leaves a time as it is. */
  setTimes(path: string, modificationTime: number | undefined, accessTime: number | undefined, signal?: AbortSignal): Promise<void>;
  setReplication(path: string, replication: number, signal?: AbortSignal): Promise<void>;
  setStoragePolicy(path: string, policy: string, signal?: AbortSignal): Promise<void>;
  unsetStoragePolicy(path: string, signal?: AbortSignal): Promise<void>;
  setEcPolicy(path: string, policy: string, signal?: AbortSignal): Promise<void>;
  /** `dataUnits`: DataNodes that a file needs at least; 0 where the server does not say. */
  ecPolicies(signal?: AbortSignal): Promise<readonly { readonly name: string; readonly enabled: boolean; readonly dataUnits: number }[]>;
  /** -1 clears. */
  setQuota(path: string, quota: { readonly namespace?: number; readonly space?: number }, signal?: AbortSignal): Promise<void>;
  setQuotaByType(path: string, type: string, space: number, signal?: AbortSignal): Promise<void>;
  quotaUsage(path: string, signal?: AbortSignal): Promise<HdfsQuotaUsage>;
  contentSummary(path: string, signal?: AbortSignal): Promise<HdfsContentSummary>;

  allowSnapshot(path: string, signal?: AbortSignal): Promise<void>;
  disallowSnapshot(path: string, signal?: AbortSignal): Promise<void>;
  createSnapshot(path: string, name: string, signal?: AbortSignal): Promise<void>;
  deleteSnapshot(path: string, name: string, signal?: AbortSignal): Promise<void>;
  renameSnapshot(path: string, from: string, to: string, signal?: AbortSignal): Promise<void>;
  /** Names of the snapshots of a snapshottable directory. */
  snapshots(path: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** Snapshottable directories this user may see. */
  snapshottableDirectories(signal?: AbortSignal): Promise<readonly SnapshotListing[]>;
  /** Changes from snapshot `from` to snapshot `to` ('' is the present), paged inside; paths are relative to `path`, '' is the root itself. */
  snapshotDiff(path: string, from: string, to: string, signal?: AbortSignal): AsyncIterable<SnapshotDiff>;

  serverDefaults(signal?: AbortSignal): Promise<HdfsServerDefaults>;
  /** With the kinds of storage (`DISK`, `ARCHIVE` ...) that new blocks may be on. */
  storagePolicies(signal?: AbortSignal): Promise<readonly { readonly id: number; readonly name: string; readonly storageTypes: readonly string[]; readonly creationFallbacks: readonly string[] }[]>;
  /** Beans of the active NameNode's `/jmx?qry=`. */
  jmx(query: string, signal?: AbortSignal): Promise<readonly Record<string, unknown>[]>;
  /** Effective settings of the active NameNode by name, from `/conf`. */
  conf(name: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Files open for writing below `path`, at most `limit`; superuser for what the user cannot read. */
  openFiles(path: string, limit: number, signal?: AbortSignal): Promise<{ readonly files: readonly OpenFile[]; readonly more: boolean }>;
}
