import { cifs } from './cifs.ts';
import { dbservice } from './dbservice.ts';
import { hdfs } from './hdfs.ts';
import type { LabServer } from './labServer.ts';
import { nfs } from './nfs.ts';
import { plainSftp } from './plainSftp.ts';
import { sftp } from './sftp.ts';
import { s3proxy } from './s3proxy.ts';
import { sampleRoots } from './sampleRoots.ts';
import { seaweedfs } from './seaweedfs.ts';

/** All servers of the lab. A is the cluster `prod`, B the cluster `standby` that every instance of A can be mirrored into; the others are destinations. */
export const servers: Readonly<Record<string, LabServer>> = {
  'hdfs-a': hdfs('lab-a', sampleRoots['hdfs-a']),
  'hdfs-a-ns2': hdfs('lab-a', sampleRoots['hdfs-a-ns2']),
  'hdfs-b': hdfs('lab-b'),
  'hdfs-b-ns2': hdfs('lab-b'),
  dbservice,
  'dbservice-b': dbservice,
  nfs,
  sftp,
  'sftp-plain': plainSftp,
  cifs,
  's3-a': seaweedfs,
  's3-b': s3proxy,
};
