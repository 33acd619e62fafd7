import type { Problem } from '../../contracts/problem.ts';
import { isBelow } from '../../contracts/isBelow.ts';
import { failures, type FailureCode } from '../../contracts/failures.ts';
import type { Connection } from './connection.ts';
import type { HdfsSelection } from './hdfsSchemas.ts';
import { atEdge } from './sourceFailure.ts';

/** HDFS allows 65,536 snapshots of a directory; the NameNode's answer says what is configured. */
const NEARLY_FULL = 0.95;

/** Everything a backup of this selection needs. Changes nothing. */
export async function preflight(connection: Connection, selection: HdfsSelection | null): Promise<{ readonly version: string; readonly problems: readonly Problem[] }> {
  const { client } = connection;
  return atEdge(async () => {
    const problems: Problem[] = [];
    const add = (severity: Problem['severity'], code: FailureCode, message: string, hint: string = failures[code].hint): void => {
      problems.push({ severity, code, message, hint });
    };
    const info = (await client.jmx('Hadoop:service=NameNode,name=NameNodeInfo'))[0] ?? {};
    const version = String(info['SoftwareVersion'] ?? 'unknown');
    if (typeof info['Safemode'] === 'string' && info['Safemode'] !== '') add('error', 'E_SOURCE_UNREACHABLE', `the NameNode of ${connection.instance} is in safe mode: ${info['Safemode'].slice(0, 300)}`, 'wait until it has left safe mode: hdfs dfsadmin -safemode get');
    const superuser = await connection.isSuperuser();
    if (!superuser) add('warning', 'E_SOURCE_DENIED', `${client.user} is not a superuser of ${connection.instance}: quotas, trusted attributes and what it may not read stay out`, 'name the superuser in the service instance');
    const snapshottable = await client.snapshottableDirectories();
    for (const path of selection?.paths ?? []) {
      const status = await client.statusOrUndefined(path);
      if (status === undefined) {
        add('error', 'E_SOURCE_PATH', `${path} does not exist`);
        continue;
      }
      if (status.type !== 'DIRECTORY') {
        add('error', 'E_SOURCE_PATH', `${path} is not a directory`, 'select the directory above it');
        continue;
      }
      if (status.encBit) add('error', 'E_UNSUPPORTED', `${path} is in an encryption zone`, 'encrypted directories are not backed up: leave it out of the selection');
      for (const other of snapshottable) {
        if (other.path === path) {
          if (other.snapshotCount >= other.snapshotQuota * NEARLY_FULL) add('warning', 'E_SOURCE_FULL', `${path} has ${other.snapshotCount} of at most ${other.snapshotQuota} snapshots`, 'delete snapshots that are not needed any more');
        } else if (isBelow(path, other.path) || isBelow(other.path, path)) {
          add('error', 'E_SOURCE_PATH', `${path} cannot be given snapshots: ${other.path} already has them, and HDFS does not nest them`, `select ${other.path}, or disallow its snapshots`);
        }
      }
      const known = snapshottable.some((one) => one.path === path);
      if (!superuser && !(known && status.owner === client.user)) add('error', 'E_SOURCE_DENIED', `${client.user} may not take snapshots of ${path}`, `an administrator allows them with: hdfs dfsadmin -allowSnapshot ${path}; then the owner of the directory may`);
    }
    const capture = await client.conf('dfs.namenode.snapshot.capture.openfiles');
    if (capture !== 'true') add('warning', 'E_SOURCE_PATH', 'dfs.namenode.snapshot.capture.openfiles is false: files open for writing are not fixed by a snapshot', 'set it to true on the NameNodes, or do not select directories that are written to all the time');
    return { version, problems };
  });
}
