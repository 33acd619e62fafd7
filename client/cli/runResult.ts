import type { RestoreOutcome } from '../../contracts/restoration.ts';
import type { BackupOutcome, RunFailure } from '../../contracts/run.ts';
import type { VerifyOutcome } from '../../contracts/verification.ts';
import type { CommandContext } from './context.ts';
import { ExitCode } from './failure.ts';
import { bytesText, durationText } from './format.ts';

type Outcome = BackupOutcome | RestoreOutcome | VerifyOutcome;

/**
 * Prints what a run came to.
 * @throws ExitCode 3 when it was done with gaps, differences or damage
 */
export async function printOutcome(context: CommandContext, outcome: Outcome): Promise<void> {
  if ('ok' in outcome) await context.output.result(outcome, () => `${outcome.setId}: ${outcome.ok ? 'ok' : `damaged, ${outcome.damage} objects`} (${outcome.level}, ${outcome.checkedObjects} objects, ${bytesText(outcome.checkedBytes)})\n${outcome.damaged.map((each) => `  ${each}\n`).join('')}`);
  else if ('planId' in outcome) await printRestored(context, outcome);
  else await printBackup(context, await (await import('../wholeReport.ts')).wholeReport(await context.config(), outcome));
  if (hasGaps(outcome)) throw new ExitCode(3);
}

function hasGaps(outcome: Outcome): boolean {
  if ('ok' in outcome) return !outcome.ok;
  if ('planId' in outcome) return outcome.outcome === 'differences' || outcome.sources.some((each) => each.differences > 0 || each.missing > 0);
  return outcome.outcome !== 'sealed';
}

async function printBackup({ output }: CommandContext, outcome: BackupOutcome): Promise<void> {
  await output.result(outcome, async () => {
    const table = await output.table({
      head: ['source', 'instance', 'kind', 'files', 'size', 'stored', 'time', 'gaps'],
      rows: outcome.sources.map((each) => [each.source, each.instance, each.kind, each.files, bytesText(each.bytes), bytesText(each.storedBytes), durationText(each.seconds), each.gaps]),
      empty: 'no source was copied',
    });
    const destinations = outcome.destinations.map((each) => `${each.name}: ${each.state} ${each.setId}${each.verified === undefined ? '' : `, verified (${each.verified})`}${(each.damage ?? 0) > 0 ? `, ${each.damage} objects damaged` : ''}`);
    const notes = outcome.sources.flatMap((each) => [...(each.fellBack === undefined ? [] : [`${each.source}@${each.instance}: full, because ${each.fellBack}`]), ...each.warnings.map((warning) => `${each.source}@${each.instance}: ${warning}`)]);
    return [`${outcome.runId}: ${await output.mark(outcome.outcome)}, recovery point ${outcome.recoveryPoint}, ${durationText(outcome.seconds)}`, table, ...destinations, ...notes, ...failureLines(outcome.failures)].join('\n');
  });
}

async function printRestored({ output }: CommandContext, outcome: RestoreOutcome): Promise<void> {
  const parity = outcome.sources.map(({ source, instance, differences, missing }) => ({ source, instance, equal: differences === 0 && missing === 0, differences }));
  await output.result({ ...outcome, parity }, async () => {
    const table = await output.table({
      head: ['source', 'from', 'to', 'entries', 'size', 'compared', 'differ', 'missing'],
      rows: outcome.sources.map((each) => [each.source, each.fromInstance, each.instance, each.entries, bytesText(each.bytes), each.compared, each.differences, each.missing]),
      empty: 'nothing was restored',
    });
    const details = outcome.sources.flatMap((each) => [...each.differing, ...each.missingNames.map((name) => `missing: ${name}`)].slice(0, 20).map((line) => `  ${each.source}@${each.instance}: ${line}`));
    return [`${outcome.runId}: ${await output.mark(outcome.outcome)}, ${durationText(outcome.rtoSeconds)}${outcome.safetyPoint === null ? '' : `, safety point ${outcome.safetyPoint}`}`, table, ...details, ...failureLines(outcome.failures)].join('\n');
  });
}

function failureLines(failures: readonly RunFailure[]): string[] {
  return failures.map((each) => `${each.about === undefined ? '' : `${each.about}: `}error[${each.code}]: ${each.message}\n    hint: ${each.hint}`);
}
