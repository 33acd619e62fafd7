import { Failure } from '../../../contracts/failure.ts';
import { failures } from '../../../contracts/failures.ts';
import type { ConformanceResult } from '../../../storage/conformance.ts';
import type { StorageCapabilities } from '../../../storage/storageDriver.ts';
import { ExitCode } from '../failure.ts';
import { bytesText } from '../format.ts';
import { interruptible } from '../interruptible.ts';
import { option } from '../option.ts';
import type { Noun } from '../program.ts';

/** In place of the cases of a destination that cannot even be opened, or is gone in the middle. */
const UNUSABLE = 'can be used';

interface Report {
  readonly destination: string;
  readonly type: string;
  capabilities: StorageCapabilities & { readonly way?: string };
  readonly cases: ConformanceResult[];
}

export const destinationCommands: Noun = {
  name: 'destination',
  description: 'Check the places that backups are kept at',
  verbs: [
    {
      usage: 'check [name]',
      description: 'Run the conformance suite against destinations; leaves nothing behind, also when it is killed; exit code 1 when a case fails',
      options: [option('--full', 'objects of 64 MiB and 1 GiB and a listing of 20,000, instead of 64 MiB and 300; takes minutes')],
      examples: ['destination check vault', 'destination check --full --output json'],
      async action(context, [name], options) {
        const config = await context.config();
        const [{ checkDestination }, { conformancePlace }, { findDriver }, { destinationOf, openSession }, { startCheckGuard }] = await Promise.all([
          import('../../../storage/conformance.ts'), import('../../../storage/conformancePlace.ts'), import('../../../storage/drivers.ts'), import('../../openRepositoryAt.ts'), import('../../checkGuard.ts'),
        ]);
        const size = options['full'] === true ? { largeBytes: 1024 ** 3, listed: 20_000 } : {};
        const names = name === undefined ? Object.keys(config.destinations) : [name];
        const reports: Report[] = [];
        const broken: Failure[] = [];
        for (const each of names) {
          const { type } = destinationOf(config, each);
          const report: Report = { destination: each, type, capabilities: findDriver(type).capabilities, cases: [] };
          reports.push(report);
          try {
            await using session = await openSession(config, each);
            // What this very server does not do, the driver's capabilities cannot know.
            const capabilities = (report.capabilities = { ...report.capabilities, ...session.found });
            if (capabilities.way !== undefined) context.say(`${each}: reached ${capabilities.way}`);
            const place = conformancePlace();
            const guard = startCheckGuard(config.file, each, place);
            await interruptible(async (signal) => {
              for await (const result of checkDestination(() => openSession(config, each, place.writer), capabilities, { ...size, prefix: place.prefix, signal })) {
                context.say(`${each}: ${result.name}: ${result.status}`);
                report.cases.push(result);
              }
            });
            await guard.release();
          } catch (error) {
            // One that is away must not hide what others can do, nor a late failure what was found before.
            if ((names.length === 1 && report.cases.length === 0) || !(error instanceof Failure) || error.code === 'E_INTERRUPTED') throw error;
            broken.push(error);
            report.cases.push({ name: UNUSABLE, status: 'failed', reason: `${error.code}: ${error.message} (${error.hint})`, seconds: 0 });
            context.say(`${each}: ${error.code}: ${error.message}`);
          }
        }
        const document = reports.length === 1 && reports[0] !== undefined ? reports[0] : { destinations: reports };
        await context.output.result(document, async () => [
          await context.output.table({
            head: ['destination', 'case', 'status', 'seconds', 'speed', 'reason'],
            rows: reports.flatMap((report) => report.cases.map((each) => [report.destination, each.name, each.status, each.seconds.toFixed(2), each.bytesPerSecond === undefined ? '' : `${bytesText(Math.round(each.bytesPerSecond))}/s`, each.reason])),
            empty: 'no destination is configured',
          }),
          ...reports.filter(({ cases }) => cases[0]?.name !== UNUSABLE).map(summaryOf),
          ...(options['full'] === true ? [] : ['not tried: objects of 1 GiB, and a listing of 20,000 (--full, which takes minutes)']),
        ].join('\n'), reports);
        const failed = reports.flatMap((report) => report.cases.filter((each) => each.status === 'failed')).length;
        if (failed > broken.length) throw new ExitCode(1);
        if (broken[0] !== undefined) throw new ExitCode(failures[broken[0].code].exitCode);
      },
    },
  ],
};

/** What is no case of the suite, in a line. */
function summaryOf({ destination, type, capabilities: { durable, space, offCluster, way } }: Report): string {
  const answers = [
    durable ? 'what is stored survives a power loss' : 'not durable: what the server has only in its memory is lost with its power',
    ...(space ? [] : ['free space is unknown']),
    ...(offCluster ? [] : ['may be lost together with the cluster']),
    ...(way === undefined ? [] : [`reached ${way}`]),
  ];
  return `${destination} (${type}): ${answers.join('; ')}`;
}
