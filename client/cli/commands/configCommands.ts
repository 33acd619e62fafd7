import { Failure } from '../../../contracts/failure.ts';
import { ExitCode } from '../failure.ts';
import { option } from '../option.ts';
import type { Noun } from '../program.ts';

export const configCommands: Noun = {
  name: 'config',
  description: 'Check and explain the configuration',
  verbs: [
    {
      usage: 'check',
      description: 'Check the file and name every problem with its line; exit code 2 when it cannot be used',
      options: [option('--connect', 'also connect to every cluster and destination')],
      examples: ['config check', 'config check --config /etc/mrs-backup.yaml --connect --output json'],
      async action(context, _args, options) {
        const { configFile, readConfig } = await import('../../../config/loadConfig.ts');
        const location = { file: context.configFile, env: process.env };
        const { problems, config } = await readConfig(location);
        const connected = options['connect'] === true && config !== undefined ? await (await import('../../connectAll.ts')).connectAll(config) : [];
        const all = [...problems, ...connected];
        const ok = !all.some((problem) => problem.severity === 'error');
        await context.output.result({ ok, problems: all }, () => {
          const lines = all.map((problem) => `${problem.line === 0 ? '' : `line ${problem.line}: `}${problem.severity}: ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}\n    hint: ${problem.hint}`);
          return [...lines, `${configFile(location)}: ${ok ? 'ok' : 'not usable'}${all.length === 0 ? '' : `, ${all.length} problem${all.length === 1 ? '' : 's'}`}`].join('\n');
        }, all);
        if (!ok) throw new ExitCode(config === undefined ? 2 : 4);
      },
    },
    {
      usage: 'explain [key]',
      description: 'Show every effective value and where it comes from; secrets appear as references',
      examples: ['config explain', 'config explain tasks.nightly.limits --output json'],
      async action(context, [key]) {
        const [{ loadConfig, readConfig }, { explain }] = await Promise.all([import('../../../config/loadConfig.ts'), import('../../../config/explain.ts')]);
        const location = { file: context.configFile, env: process.env };
        await loadConfig(location);
        const rows = explain(await readConfig(location), key);
        if (rows.length === 0 && key !== undefined) throw new Failure('E_USAGE', `the configuration has no value ${key}`, { hint: 'mrs-backup config explain shows all' });
        await context.output.result({ values: rows }, () => context.output.table({ head: ['key', 'value', 'from'], rows: rows.map((row) => [row.key, row.value, row.from]), empty: 'nothing is configured' }), rows);
      },
    },
  ],
};
