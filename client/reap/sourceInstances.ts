import { join } from 'node:path';
import { sources } from '../../components/sources.ts';
import type { DataSource, SourceSession } from '../../components/dataSource.ts';
import type { Config } from '../../config/config.ts';
import { createSecretReader } from '../../config/secrets.ts';
import { Failure } from '../../contracts/failure.ts';

/** A data source of one service instance of the configuration. */
export interface SourceInstance {
  readonly cluster: string;
  readonly instance: string;
  readonly source: DataSource;
  /** `<cluster>/<source>@<instance>` */
  readonly name: string;
}

export function sourceInstances(config: Config): SourceInstance[] {
  return Object.values(config.clusters).flatMap((cluster) => sources.flatMap((source) => Object.keys(cluster.services[source.component] ?? {})
    .map((instance) => ({ cluster: cluster.name, instance, source, name: `${cluster.name}/${source.name}@${instance}` }))));
}

/** Connects as the worker would, with the same scratch folder. The caller disposes it. @throws Failure E_CONFIG */
export async function connectInstance(config: Config, stateFolder: string, { cluster, instance, source }: Pick<SourceInstance, 'cluster' | 'instance' | 'source'>): Promise<SourceSession> {
  const block = config.clusters[cluster]?.services[source.component]?.[instance];
  if (block === undefined) throw new Failure('E_CONFIG', `the configuration has no ${source.component} instance ${instance} in cluster ${cluster}`);
  return await source.connect(block, { cluster, instance, readSecret: createSecretReader(config.folder), scratchFolder: join(stateFolder, 'scratch', cluster, instance), held: new Map() });
}
