import type { Config } from '../config/config.ts';
import type { ConfigProblem } from '../config/configProblem.ts';
import { createSecretReader } from '../config/secrets.ts';
import { sources } from '../components/sources.ts';
import { Failure } from '../contracts/failure.ts';
import { checkCluster } from './checkCluster.ts';
import { openSession } from './openRepositoryAt.ts';

/** Tries every cluster and every destination of a configuration. Finds, never throws. */
export async function connectAll(config: Config): Promise<ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
  for (const cluster of Object.keys(config.clusters)) {
    for (const { source, instance, problems: found } of await checkCluster(config, cluster, sources)) {
      const component = sources.find((each) => each.name === source)?.component ?? source;
      problems.push(...found.map(({ severity, message, hint }) => ({ path: `clusters.${cluster}.services.${component}.${instance}`, line: 0, message, hint, severity })));
    }
  }
  for (const destination of Object.values(config.destinations)) {
    const path = `destinations.${destination.name}`;
    try {
      if (destination.encryption !== undefined) await createSecretReader(config.folder)(destination.encryption.reference);
      await using session = await openSession(config, destination.name);
      // Some folders can be opened by whoever may not look into them.
      for await (const _ of session.list('')) break;
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure('E_INTERNAL', String(error));
      problems.push({ path, line: 0, message: failure.message, hint: failure.hint, severity: 'error' });
    }
  }
  return problems;
}
