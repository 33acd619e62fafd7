import { z } from 'zod';

/** The JSON answers of WebHDFS that are read, as the server writes them (Hadoop's JsonUtil.java). Members that are not used are left out. */

/** A number of a Java long; quotas may be larger than what JSON keeps exactly. */
const long = z.number();
const count = z.number().int().min(0);
/** A name in a directory: a server that answers with a path leads nobody out of it. */
const name = z.string().refine((text) => !text.includes('/') && text !== '.' && text !== '..', 'is not a name');

/** Flags only where they are true. */
export const statusAnswer = z.object({
  pathSuffix: name.default(''),
  type: z.enum(['FILE', 'DIRECTORY', 'SYMLINK']),
  length: count.default(0),
  owner: z.string(), group: z.string(), permission: z.string().regex(/^[0-7]{1,4}$/),
  modificationTime: long, accessTime: long, blockSize: count, replication: count,
  fileId: long.default(0), childrenNum: long.default(-1), storagePolicy: count.default(0),
  aclBit: z.boolean().default(false), encBit: z.boolean().default(false), ecBit: z.boolean().default(false),
  ecPolicy: z.string().optional(), snapshotEnabled: z.boolean().default(false), symlink: z.string().optional(),
});

const location = z.object({ Location: z.string().refine((text) => URL.canParse(text), 'is not an address') });
const quotas = {
  fileAndDirectoryCount: long, quota: long, spaceConsumed: long, spaceQuota: long,
  typeQuota: z.record(z.string(), z.object({ quota: long, consumed: long })).default({}),
};
const diffType = z.enum(['CREATE', 'MODIFY', 'DELETE', 'RENAME']);
const diffEntry = z.object({ fileId: long, isReference: z.boolean(), sourcePath: z.string().nullable(), targetPath: z.string().nullish() });

export const answers = {
  boolean: z.object({ boolean: z.boolean() }),
  location,
  status: z.object({ FileStatus: statusAnswer }),
  listing: z.object({ FileStatuses: z.object({ FileStatus: z.array(statusAnswer) }) }),
  page: z.object({ DirectoryListing: z.object({ partialListing: z.object({ FileStatuses: z.object({ FileStatus: z.array(statusAnswer) }) }), remainingEntries: count }) }),
  checksum: z.object({ FileChecksum: z.object({ algorithm: z.string(), bytes: z.string().regex(/^[0-9a-fA-F]{56,}$/) }) }),
  blocks: z.object({ BlockLocations: z.object({ BlockLocation: z.array(z.object({ offset: count, length: count, hosts: z.array(z.string()), corrupt: z.boolean().default(false) })) }) }),
  acl: z.object({ AclStatus: z.object({ owner: z.string(), group: z.string(), permission: z.string().regex(/^[0-7]{1,4}$/), stickyBit: z.boolean().default(false), entries: z.array(z.string()) }) }),
  xattrs: z.object({ XAttrs: z.array(z.object({ name: z.string(), value: z.string().regex(/^(0x)?[0-9a-fA-F]*$/i).nullish() })) }),
  storagePolicies: z.object({ BlockStoragePolicies: z.object({ BlockStoragePolicy: z.array(z.object({ id: count, name: z.string(), storageTypes: z.array(z.string()).default([]), creationFallbacks: z.array(z.string()).default([]) })) }) }),
  ecPolicies: z.object({ ErasureCodingPolicies: z.object({ ErasureCodingPolicyInfo: z.array(z.object({ state: z.string(), policy: z.object({ name: z.string(), numDataUnits: count.default(0) }) })) }) }),
  quotaUsage: z.object({ QuotaUsage: z.object(quotas) }),
  contentSummary: z.object({ ContentSummary: z.object({ ...quotas, length: count, fileCount: count, directoryCount: count }) }),
  serverDefaults: z.object({ FsServerDefaults: z.object({ blockSize: count, bytesPerChecksum: count, checksumType: long, replication: count, keyProviderUri: z.string().optional() }) }),
  snapshots: z.object({ SnapshotList: z.array(z.object({ dirStatus: statusAnswer, deletionStatus: z.string().default('ACTIVE') })) }),
  snapshottable: z.object({ SnapshottableDirectoryList: z.array(z.object({ dirStatus: statusAnswer, parentFullPath: z.string(), snapshotNumber: count, snapshotQuota: count })).nullable() }),
  diff: z.object({ SnapshotDiffReport: z.object({ diffList: z.array(z.object({ type: diffType, sourcePath: z.string(), targetPath: z.string().optional() })) }) }),
  diffPage: z.object({ SnapshotDiffReportListing: z.object({ createList: z.array(diffEntry), deleteList: z.array(diffEntry), modifyList: z.array(diffEntry), lastIndex: z.number().int(), lastPath: z.string() }) }),
  jmx: z.object({ beans: z.array(z.record(z.string(), z.unknown())) }),
  conf: z.object({ property: z.object({ value: z.string().optional() }).optional(), properties: z.array(z.object({ key: z.string(), value: z.string() })).optional() }),
} as const;
