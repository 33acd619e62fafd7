import type { WebHdfs } from '../protocols/webhdfs/webHdfs.ts';

/** What an open HDFS destination knows. The client is closed with the session. */
export interface HdfsSessionParts {
  /** Whose temporary files are made. */
  readonly writer: string | undefined;
  readonly client: WebHdfs;
  /** Absolute, without a slash at the end. */
  readonly root: string;
  /** How to name the destination in messages. */
  readonly shown: string;
  /** Inode of the root: HDFS makes missing parents by itself, so a root that was removed would come back in silence. */
  readonly rootId: number;
  readonly blockSize: number;
  readonly bytesPerChecksum: number;
  readonly replication: number;
}
