import type { ConformanceResult } from '../../../storage/conformance.ts';
import { ExitCode } from '../failure.ts';
import { bytesText } from '../format.ts';
import { interruptible } from '../interruptible.ts';
import { option } from '../option.ts';
import type { Noun } from '../program.ts';

export const destinationCommands: Noun = {
  name: 'destination',
  description: 'Check the places that backups are kept at',
  verbs: [
    {
      usage: 'check [name]',
      description: 'Run the conformance suite against destinations; leaves nothing behind, also when it is killed; exit code 1 when a case fails',
      options: [option('--full', 'objects of 64 MiB and 1 GiB and a listing of 20,000, instead of 64 MiB and 300')],
      examples: ['destination check vault', 'destination check --full --output json'],
      async action(context, [name], options) {
        const config = await context.config();
        const [{ checkDestination }, { conformancePlace }, { findDriver }, { destinationOf, openSession }, { startCheckGuard }] = await Promise.all([
          import('../../../storage/conformance.ts'), import('../../../storage/conformancePlace.ts'), import('../../../storage/drivers.ts'), import('../../openRepositoryAt.ts'), import('../../checkGuard.ts'),
        ]);
        const size = options['full'] === true ? { largeBytes: 1024 ** 3, listed: 20_000 } : {};
        const reports: { destination: string; type: string; capabilities: object; cases: ConformanceResult[] }[] = [];
        for (const each of name === undefined ? Object.keys(config.destinations) : [name]) {
          const { type } = destinationOf(config, each);
          await using session = await openSession(config, each);
          // What this very server does not do, the driver's capabilities cannot know.
          const capabilities = { ...findDriver(type).capabilities, ...session.found };
          if (session.found?.way !== undefined) context.say(`${each}: reached ${session.found.way}`);
          const cases: (typeof reports)[number]['cases'] = [];
          const place = conformancePlace();
          const guard = startCheckGuard(config.file, each, place);
          await interruptible(async (signal) => {
            for await (const result of checkDestination(() => openSession(config, each, place.writer), capabilities, { ...size, prefix: place.prefix, signal })) {
              context.say(`${each}: ${result.name}: ${result.status}`);
              cases.push(result);
            }
          });
          await guard.release();
          reports.push({ destination: each, type, capabilities, cases });
        }
        const document = reports.length === 1 && reports[0] !== undefined ? reports[0] : { destinations: reports };
        await context.output.result(document, () => context.output.table({
          head: ['destination', 'case', 'status', 'seconds', 'speed', 'reason'],
          rows: reports.flatMap((report) => report.cases.map((each) => [report.destination, each.name, each.status, each.seconds.toFixed(2), each.bytesPerSecond === undefined ? '' : `${bytesText(Math.round(each.bytesPerSecond))}/s`, each.reason])),
          empty: 'no destination is configured',
        }), reports);
        if (reports.some((report) => report.cases.some((each) => each.status === 'failed'))) throw new ExitCode(1);
      },
    },
  ],
};
