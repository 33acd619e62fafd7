import { createWebHdfs } from '../../protocols/webhdfs/createWebHdfs.ts';
import type { DataSource } from '../dataSource.ts';
import { createConnection } from './connection.ts';
import { covered } from './covered.ts';
import { hdfsInstanceSchema, hdfsSelectionSchema, type HdfsInstance, type HdfsSelection } from './hdfsSchemas.ts';
import { createHdfsSession } from './hdfsSession.ts';

/** Files and directories of HDFS, by snapshots and WebHDFS. */
export const hdfsSource: DataSource<HdfsInstance, HdfsSelection> & { readonly incomparableAttributes: readonly string[] } = {
  name: 'hdfs',
  component: 'HDFS',
  kind: 'serviceData',
  instance: hdfsInstanceSchema,
  selection: hdfsSelectionSchema,
  chunking: 'fixed',
  runsAfter: [],
  neverWith: {},
  /** What is never the same after a restoration: a new inode has a new id, and reading changes the time of access. */
  incomparableAttributes: ['fileId', 'accessTime'],
  covered,
  ownsKey: (key) => key.startsWith('/'),
  async connect(instance, context) {
    return createHdfsSession(createConnection(createWebHdfs({ urls: instance.webhdfs, user: instance.user }), context.instance));
  },
};
