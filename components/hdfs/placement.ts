import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';

/** The policy of erasure coding by which files below an erasure-coded directory are replicated all the same. */
export const REPLICATION = 'replication';

/** Which policies the DataNodes of a cluster can follow. A policy may be set all the same: the mover, or more DataNodes, can come later. */
export interface Placement {
  /** By the name of a storage policy: whether there is storage of one of its kinds. */
  canStore(policy: string): boolean;
  /** By the name of an erasure coding policy: whether it is enabled and there are DataNodes enough. `replication` always is. */
  canEncode(policy: string): boolean;
}

/** Asks for it. What the server does not say counts as possible. */
export async function readPlacement(client: WebHdfs): Promise<Placement> {
  const [storagePolicies, ecPolicies, stats, system] = await Promise.all([
    client.storagePolicies(),
    client.ecPolicies().catch(() => []), // servers before Hadoop 3 do not know them
    client.jmx('Hadoop:service=NameNode,name=BlockStats'),
    client.jmx('Hadoop:service=NameNode,name=FSNamesystem'),
  ]);
  const types = storageTypes(stats[0]?.['StorageTypeStats']);
  // DataNodes that are down at the moment count too: a file that is written without its policy keeps that form for ever.
  const nodes = Number(system[0]?.['NumLiveDataNodes'] ?? 0) + Number(system[0]?.['NumDeadDataNodes'] ?? 0);
  return {
    canStore(name) {
      const policy = storagePolicies.find((one) => one.name === name);
      if (policy === undefined || types.size === 0) return true;
      const kinds = [...policy.storageTypes, ...policy.creationFallbacks];
      return kinds.length === 0 || kinds.some((kind) => types.has(kind));
    },
    canEncode(name) {
      if (name === REPLICATION) return true;
      const policy = ecPolicies.find((one) => one.name === name);
      return policy !== undefined && policy.enabled && (nodes === 0 || nodes >= policy.dataUnits);
    },
  };
}

/** Kinds of storage that some DataNode in service has. */
function storageTypes(stats: unknown): ReadonlySet<string> {
  if (!Array.isArray(stats)) return new Set();
  return new Set(stats.flatMap((one: { key?: unknown; value?: { nodesInService?: unknown } }) => (typeof one.key === 'string' && one.value?.nodesInService !== 0 ? [one.key] : [])));
}
