import { join } from 'node:path';
import type { DataSource, SourceSession } from '../components/dataSource.ts';
import { Failure } from '../contracts/failure.ts';
import type { ActivityDependencies } from './dependencies.ts';

/** A source instance as the configuration has it now, connected. The caller disposes the session. */
export async function connectSource(deps: ActivityDependencies, cluster: string, name: string, instance: string): Promise<{ readonly source: DataSource; readonly session: SourceSession }> {
  const source = deps.sources.find((each) => each.name === name);
  if (source === undefined) throw new Failure('E_UNSUPPORTED', `the data source ${name} is not built`);
  const config = await deps.config();
  const block = config.clusters[cluster]?.services[source.component]?.[instance];
  if (block === undefined) throw new Failure('E_CONFIG', `the configuration has no ${source.component} instance ${instance} in cluster ${cluster}`);
  const session = await source.connect(block, {
    cluster, instance, readSecret: deps.secrets(config), scratchFolder: join(deps.scratchFolder, cluster, instance), held: deps.held(cluster, instance),
  });
  return { source, session };
}
