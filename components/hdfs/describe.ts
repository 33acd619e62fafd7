import type { Handle, SourceDescription } from '../dataSource.ts';
import type { Connection } from './connection.ts';
import { openInSelection } from './handles.ts';
import type { HdfsSelection } from './hdfsSchemas.ts';
import { snapshotPath } from './paths.ts';
import { atEdge } from './sourceFailure.ts';

const OPEN_KEYS = 10_000;
const WARNINGS = 1_000;

/** The NameNode's figures are up to 10 s old, by its metrics period. */
const FIGURES_AGE_MS = 20_000;

/** Whether a file can have been open when the handle was taken and still is. A figure younger than the handle saves the walk. */
async function mayBeOpen({ client }: Connection, handle: Handle): Promise<boolean> {
  if (Date.now() - Date.parse(handle.takenAt) < FIGURES_AGE_MS) return true;
  const beans = await client.jmx('Hadoop:service=NameNode,name=FSNamesystem');
  return beans[0]?.['NumFilesUnderConstruction'] !== 0;
}

/** What goes into the set beside the entries. */
export async function describe(connection: Connection, handle: Handle, selection: HdfsSelection): Promise<SourceDescription & { readonly openKeys: readonly string[] }> {
  const { client } = connection;
  return atEdge(async () => {
    const info = (await client.jmx('Hadoop:service=NameNode,name=NameNodeInfo'))[0] ?? {};
    const defaults = await client.serverDefaults();
    const ecPolicies = await client.ecPolicies().catch(() => []); // servers before Hadoop 3 do not know them
    const placement = await connection.placement();
    const capture = (await client.conf('dfs.namenode.snapshot.capture.openfiles')) ?? 'false';
    const superuser = await connection.isSuperuser();
    const atSnapshot = Array.isArray(handle.data['open']) ? handle.data['open'].filter((key) => typeof key === 'string') : [];
    const open = [...new Set([...atSnapshot, ...(await mayBeOpen(connection, handle) ? await openInSelection(connection, selection, OPEN_KEYS) : [])])].slice(0, OPEN_KEYS).sort();
    const warnings: string[] = [];
    if (capture !== 'true') warnings.push('dfs.namenode.snapshot.capture.openfiles is false: what is in the set of files that were open for writing may change under the snapshot');
    if (!superuser) warnings.push(`${client.user} is not a superuser: quotas and trusted attributes are not in the set`);
    const openKeys: string[] = [];
    for (const key of open) {
      const root = selection.paths.find((path) => key === path || key.startsWith(`${path}/`));
      const status = root === undefined ? undefined : await client.statusOrUndefined(snapshotPath(root, handle.name, key));
      if (status === undefined) continue; // created after the snapshot
      openKeys.push(key);
      if (warnings.length < WARNINGS) warnings.push(`${key} was open for writing: the set has the ${status.length} bytes its snapshot shows`);
    }
    return {
      version: String(info['SoftwareVersion'] ?? 'unknown'),
      inventory: {
        clusterId: String(info['ClusterId'] ?? ''),
        defaults: { blockSize: defaults.blockSize, bytesPerChecksum: defaults.bytesPerChecksum, checksumType: defaults.checksumType, replication: defaults.replication },
        storagePolicies: [...(await connection.policies()).values()],
        // Hadoop enables some that a small cluster has too few DataNodes for: no file has them.
        ecPolicies: ecPolicies.map((one) => one.name).filter(placement.canEncode),
        captureOpenFiles: capture === 'true',
        superuser,
        note: 'quotas and storage policies of directories are those of the time of reading: HDFS does not keep them in snapshots',
      },
      warnings,
      openKeys,
    };
  });
}
