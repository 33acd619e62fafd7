import type { HdfsStatus } from './webHdfs.ts';

/** `FileStatus` as the server writes it: flags only where they are true. */
export interface RawStatus {
  readonly pathSuffix?: string;
  readonly type: HdfsStatus['type'];
  readonly length?: number;
  readonly owner: string;
  readonly group: string;
  readonly permission: string;
  readonly modificationTime: number;
  readonly accessTime: number;
  readonly blockSize: number;
  readonly replication: number;
  readonly fileId?: number;
  readonly childrenNum?: number;
  readonly storagePolicy?: number;
  readonly aclBit?: boolean;
  readonly encBit?: boolean;
  readonly ecBit?: boolean;
  readonly ecPolicy?: string;
  readonly snapshotEnabled?: boolean;
  readonly symlink?: string;
}

/** One status in our words. */
export function readStatus(raw: RawStatus): HdfsStatus {
  return {
    pathSuffix: raw.pathSuffix ?? '',
    type: raw.type,
    length: raw.length ?? 0,
    owner: raw.owner,
    group: raw.group,
    permission: raw.permission,
    modificationTime: raw.modificationTime,
    accessTime: raw.accessTime,
    blockSize: raw.blockSize,
    replication: raw.replication,
    fileId: raw.fileId ?? 0,
    childrenNum: raw.childrenNum ?? -1,
    storagePolicy: raw.storagePolicy ?? 0,
    aclBit: raw.aclBit === true,
    encBit: raw.encBit === true,
    ecBit: raw.ecBit === true,
    ecPolicy: raw.ecPolicy === undefined || raw.ecPolicy === '' ? undefined : raw.ecPolicy,
    snapshotEnabled: raw.snapshotEnabled === true,
    symlink: raw.symlink,
  };
}
