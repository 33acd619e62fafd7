import type { DataSource } from './dataSource.ts';
import { dbserviceSource } from './dbservice/dbserviceSource.ts';
import { hdfsSource } from './hdfs/hdfsSource.ts';

/** Every data source that is built. One line each. */
export const sources: readonly DataSource[] = [hdfsSource as DataSource, dbserviceSource as DataSource];
