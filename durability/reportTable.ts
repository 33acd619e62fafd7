import Table from 'cli-table3';
import prettyBytes from 'pretty-bytes';
import { victims, type Victim } from './planRound.ts';
import type { RoundResult } from './runRound.ts';

/** One line of progress. */
export function roundLine(result: RoundResult): string {
  const verdict = result.wrong.length === 0 && result.leftovers.length === 0 ? 'right' : 'WRONG';
  return `round ${result.round} ${result.kind}: ${verdict}, ${result.outcome}; killed ${killedText(result.killed)}; redone ${prettyBytes(result.bytesRedone)} of ${prettyBytes(result.bytes)}; ${result.leftovers.length} leftovers; ${result.seconds.toFixed(0)} s`;
}

function killedText(killed: readonly Victim[]): string {
  const counts = victims.map((victim) => [victim, killed.filter((each) => each === victim).length] as const).filter(([, count]) => count > 0);
  return counts.map(([victim, count]) => (count === 1 ? victim : `${victim} ×${count}`)).join(', ') || 'nobody';
}

/** All rounds by kind, and their sum. */
export function reportTable(results: readonly RoundResult[]): string {
  const table = new Table({ head: ['run', 'rounds', 'right', 'kills', ...victims, 'redone', 'of', 'leftovers', 'median s', 'longest s'], style: { head: [], border: [], compact: true } });
  for (const kind of new Set(results.map((each) => each.kind))) table.push([kind, ...row(results.filter((each) => each.kind === kind))]);
  table.push(['all', ...row(results)]);
  return table.toString();
}

function row(results: readonly RoundResult[]): (string | number)[] {
  const sum = (of: (each: RoundResult) => number) => results.reduce((total, each) => total + of(each), 0);
  const seconds = results.map((each) => each.seconds).sort((a, b) => a - b);
  return [
    results.length, results.filter((each) => each.wrong.length === 0 && each.leftovers.length === 0).length, sum((each) => each.killed.length),
    ...victims.map((victim) => sum((each) => each.killed.filter((one) => one === victim).length)),
    prettyBytes(sum((each) => each.bytesRedone)), prettyBytes(sum((each) => each.bytes)), sum((each) => each.leftovers.length),
    (seconds[seconds.length >> 1] ?? 0).toFixed(0), (seconds.at(-1) ?? 0).toFixed(0),
  ];
}
