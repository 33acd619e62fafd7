/** What the vendor's own tool offers for a data source on a directory type. */
export interface VendorRow {
  /** Name of the data source: a row of the support matrix. */
  readonly source: string;
  /** As the vendor's dialog calls it. */
  readonly title: string;
  readonly kind: 'metadata' | 'serviceData';
  /** Directory type → `yes`, `no`, or the first version and its condition. Shown to the operator as it is; it never binds us. */
  readonly types: Readonly<Record<string, string>>;
}

const YES = 'yes';
const NO = 'no';

function row(source: string, title: string, kind: VendorRow['kind'], values: readonly [string, string, string, string, string, string, string]): VendorRow {
  const [LocalDir, LocalHDFS, RemoteHDFS, NFS, CIFS, SFTP, OBS] = values;
  return { source, title, kind, types: { LocalDir, LocalHDFS, RemoteHDFS, NFS, CIFS, SFTP, OBS } };
}

/**
 * The vendor's support matrix of MRS 3.x, in the order of its dialogs.
 * Sources: support.huaweicloud.com bestpractice-mrs mrs_05_0036 (2024-11-30), usermanual-mrs mrs_01_300054, mrs_01_300056 and mrs_01_300069
 * (2025-12), admin_guide_000399; opentelekomcloud-docs/mapreduce-service (2026). Where those tables differ, the cell says so.
 */
export const vendorMatrix: readonly VendorRow[] = [
  //                                                                             LocalDir LocalHDFS RemoteHDFS NFS CIFS SFTP OBS
  row('oms', 'OMS', 'metadata', [YES, YES, YES, YES, YES, YES, 'since 3.1.0']),
  row('dbservice', 'DBService', 'metadata', [YES, YES, YES, YES, YES, YES, 'since 3.1.0']),
  row('flink', 'Flink', 'metadata', [YES, YES, YES, NO, NO, NO, 'since 3.5.0 (tables differ)']),
  row('kafka', 'Kafka', 'metadata', [YES, YES, YES, YES, YES, NO, 'since 3.1.0']),
  row('namenode', 'NameNode', 'metadata', [YES, NO, YES, YES, YES, YES, 'since 3.1.0']),
  row('yarn', 'Yarn', 'metadata', [YES, NO, YES, YES, YES, YES, 'since 3.1.0']),
  row('hbase-metadata', 'HBase metadata', 'metadata', [YES, NO, YES, YES, YES, YES, 'since 3.1.0, HBase in HDFS only']),
  row('iotdb-metadata', 'IoTDB metadata', 'metadata', [YES, NO, YES, YES, YES, YES, NO]),
  row('clickhouse-metadata', 'ClickHouse metadata', 'metadata', [YES, NO, YES, NO, NO, NO, NO]),
  row('hbase', 'HBase', 'serviceData', [NO, NO, YES, YES, YES, YES, 'no (tables differ)']),
  row('hdfs', 'HDFS', 'serviceData', [NO, NO, YES, YES, YES, YES, 'since 3.5.0']),
  row('hive', 'Hive', 'serviceData', [NO, NO, YES, YES, YES, YES, 'since 3.5.0']),
  row('iotdb', 'IoTDB', 'serviceData', [NO, NO, YES, NO, NO, NO, NO]),
  row('clickhouse', 'ClickHouse', 'serviceData', [NO, NO, YES, NO, NO, NO, 'unclear, newer than 3.1.0']),
];
