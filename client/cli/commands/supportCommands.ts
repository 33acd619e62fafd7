import { Failure } from '../../../contracts/failure.ts';
import { option } from '../option.ts';
import type { Noun } from '../program.ts';

export const supportCommands: Noun = {
  name: 'support',
  description: 'What is backed up, and where to',
  verbs: [
    {
      usage: 'show',
      description: 'The support matrix: what the vendor offers, what is built here, and what was proved against real servers',
      options: [option('--source <name>', 'only this data source'), option('--destination-type <type>', 'only this directory type')],
      examples: ['support show', 'support show --source hdfs --destination-type RemoteHDFS --output json'],
      async action(context, _args, options) {
        const [{ supportMatrix }, { readSupportProofs }, { vendorMatrix }, { vetoes }, { drivers, directoryTypes }, { sources }] = await Promise.all([
          import('../../../support/supportMatrix.ts'), import('../../../support/supportProofs.ts'), import('../../../support/vendorMatrix.ts'),
          import('../../../support/vetoes.ts'), import('../../../storage/drivers.ts'), import('../../../components/sources.ts'),
        ]);
        const all = supportMatrix({ vendorMatrix, directoryTypes, drivers, sources, vetoes, proofs: await readSupportProofs() }).rows;
        const { source, destinationType } = options as { source?: string; destinationType?: string };
        const known = (word: string | undefined, names: readonly string[], what: string) => {
          if (word !== undefined && !names.includes(word)) throw new Failure('E_USAGE', `there is no ${what} ${word}`, { hint: `known: ${[...new Set(names)].join(', ')}` });
        };
        known(source, all.map((row) => row.source), 'data source');
        known(destinationType, all.map((row) => row.type), 'directory type');
        const rows = all.filter((row) => (source === undefined || row.source === source) && (destinationType === undefined || row.type === destinationType));
        await context.output.result({ rows }, () => context.output.table({
          head: ['source', 'type', 'vendor', 'ours', 'proved', 'reason'],
          rows: rows.map((row) => [row.source, row.type, row.vendor, row.ours, row.proved, row.reason]),
          empty: 'nothing',
        }), rows);
      },
    },
  ],
};
