import type { InstanceReport } from '../../checkCluster.ts';
import { ExitCode } from '../failure.ts';
import type { Noun } from '../program.ts';

export const clusterCommands: Noun = {
  name: 'cluster',
  description: 'Check the clusters that are backed up',
  verbs: [
    {
      usage: 'check [name]',
      description: 'Connect every service instance and check what every task needs there; changes nothing; exit code 4 when something is missing',
      examples: ['cluster check', 'cluster check prod --output json'],
      async action(context, [name]) {
        const config = await context.config();
        const [{ checkCluster }, { sources }] = await Promise.all([import('../../checkCluster.ts'), import('../../../components/sources.ts')]);
        const names = name === undefined ? Object.keys(config.clusters) : [name];
        const instances: InstanceReport[] = [];
        for (const each of names) instances.push(...(await checkCluster(config, each, sources)));
        const only = names.length === 1 ? names[0] : undefined;
        await context.output.result({ cluster: only ?? null, instances }, async () => {
          const table = await context.output.table({
            head: ['cluster', 'source', 'instance', 'status', 'version'],
            rows: instances.map((each) => [each.cluster, each.source, each.instance, each.status, each.version]),
            empty: 'no service instance is configured',
          });
          const problems = instances.flatMap((each) => each.problems.map((problem) => `${each.source}@${each.instance}: ${problem.severity}[${problem.code}]: ${problem.message}\n    hint: ${problem.hint}`));
          return [table, ...problems].join('\n');
        }, instances);
        if (instances.some((each) => each.status === 'error')) throw new ExitCode(4);
      },
    },
  ],
};
