import { ours, oursDataPath } from './pipeline.ts';
import type { Sample, Samples } from './samples.ts';
import { median } from './samples.ts';

const mib = (bytes: number | undefined): string => (bytes === undefined ? '' : (bytes / (1 << 20)).toFixed(bytes < 10 << 20 ? 1 : 0));
const yardstick = 'tar+zstd';

/** The samples as Markdown tables: medians, ratios to tar | zstd and to us, spread, what it took. */
export function markdown(samples: Samples, about: readonly string[]): string {
  const lines = [...about.map((line) => `- ${line}`), ''];
  const parts = [...new Set(samples.rows.map((row) => row.part))];
  for (const part of parts) {
    const rows = samples.rows.filter((row) => row.part === part);
    for (const corpus of new Set(rows.map((row) => row.corpus))) {
      lines.push(`### ${part}: ${corpus}`, '', '| step | who | seconds | (min–max) | × tar+zstd | mrs-backup is faster × | CPU s | peak RSS MiB | stored MiB | more |', '|---|---|---|---|---|---|---|---|---|---|');
      const mine = rows.filter((row) => row.corpus === corpus);
      for (const step of new Set(mine.map((row) => row.step))) {
        const of = (who: string): number | undefined => samples.median(part, corpus, step, who);
        for (const row of mine.filter((each) => each.step === step)) {
          const seconds = row.samples.map((each) => each.seconds);
          const middle = median(seconds)!;
          const tar = of(yardstick);
          const us = of(ours);
          const column = (read: (sample: Sample) => number | undefined): number | undefined => median(row.samples.flatMap((each) => read(each) ?? []));
          lines.push(`| ${[
            step, row.who, middle.toFixed(2), seconds.length > 1 ? `${Math.min(...seconds).toFixed(2)}–${Math.max(...seconds).toFixed(2)}` : '',
            tar === undefined ? '' : (middle / tar).toFixed(2), us === undefined || row.who === ours || row.who === oursDataPath ? '' : (middle / us).toFixed(2),
            column((each) => each.cpuSeconds)?.toFixed(1) ?? '', mib(column((each) => each.peakRssBytes)), mib(column((each) => each.storedBytes)), more(row.samples.at(-1)!),
          ].join(' | ')} |`);
        }
      }
      lines.push('');
    }
  }
  return lines.join('\n');
}

function more(sample: Sample): string {
  const notes: string[] = [];
  if (sample.requests !== undefined) notes.push(`${Object.values(sample.requests).reduce((sum, count) => sum + count, 0)} requests (${Object.entries(sample.requests).map(([verb, count]) => `${count} ${verb}`).join(', ')})`);
  if (sample.changedBytes !== undefined) notes.push(`${mib(sample.changedBytes)} MiB changed`);
  return [...notes, ...(sample.notes ?? [])].join('; ');
}
