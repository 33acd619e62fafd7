import type { Leftover } from '../../reap/leftover.ts';
import type { CommandContext } from '../context.ts';
import { ExitCode } from '../failure.ts';
import { bytesText } from '../format.ts';
import { interruptible } from '../interruptible.ts';
import { option } from '../option.ts';
import type { CommandSpec } from '../program.ts';
import { withEngine } from '../withEngine.ts';

/** Removes what dead runs left. */
export const reapCommand: CommandSpec = {
  usage: 'reap',
  description: 'Find and remove what dead runs left at sources and destinations: snapshots, staging, unsealed sets, temporary objects, unfinished restorations; never what belongs to a run that goes on; exit code 3 when something could not be looked at or removed',
  options: [option('--dry-run', 'only list it'), option('--state <folder>', 'state folder of the worker on this machine, for its scratch files (else where mrs-backup up runs)')],
  examples: ['reap --dry-run', 'reap --output json'],
  async action(context, _args, options) {
    await withEngine(context, async (engine, config) => {
      const [{ reap }, { engineState }] = await Promise.all([import('../../reap/reap.ts'), import('../../../worker/engineState.ts')]);
      const stateFolder = typeof options['state'] === 'string' ? options['state'] : await engineState(config.engine.state);
      const report = await interruptible((signal) => reap(engine, config, { dryRun: options['dryRun'] === true, stateFolder, signal }), 'what was removed is gone, the rest is found again: mrs-backup reap');
      await context.output.result(report, () => text(context, report));
      if (report.failed.length > 0) throw new ExitCode(3);
    });
  },
};

async function text({ output }: CommandContext, { dryRun, found, removed, failed }: { readonly dryRun: boolean; readonly found: readonly Leftover[]; readonly removed: readonly Leftover[]; readonly failed: readonly { where: string; name: string | null; code: string; message: string; hint: string }[] }): Promise<string> {
  const table = await output.table({
    head: ['kind', 'where', 'name', 'objects', 'size', ...(dryRun ? [] : ['removed'])],
    rows: found.map((each) => [each.kind, each.where, each.name, each.objects ?? '', bytesText(each.bytes), ...(dryRun ? [] : [removed.some((one) => one.kind === each.kind && one.where === each.where && one.name === each.name) ? 'yes' : 'no'])]),
    empty: 'nothing is left of dead runs',
  });
  return [table, ...failed.map((each) => `${each.where}${each.name === null ? '' : ` ${each.name}`}: error[${each.code}]: ${each.message}\n    hint: ${each.hint}`)].join('\n');
}
