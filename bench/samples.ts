import type { Cost } from './measure.ts';

export interface Sample extends Partial<Cost> {
  readonly seconds: number;
  /** Everything at the destination, or what a step added to it. */
  readonly storedBytes?: number;
  readonly changedBytes?: number;
  /** What else is to be said of it. */
  readonly notes?: readonly string[];
  readonly requests?: Readonly<Record<string, number>>;
}

/** One line of the report: who did what with what, how often. */
export interface Row {
  readonly part: 'pipeline' | 'cluster' | 'scale' | 'limits' | 'destinations';
  readonly corpus: string;
  readonly step: string;
  readonly who: string;
  readonly samples: Sample[];
}

/** Samples by what was measured, in the order they came. */
export class Samples {
  readonly rows: Row[] = [];

  add(part: Row['part'], corpus: string, step: string, who: string, sample: Sample): void {
    let row = this.rows.find((each) => each.part === part && each.corpus === corpus && each.step === step && each.who === who);
    if (row === undefined) this.rows.push((row = { part, corpus, step, who, samples: [] }));
    row.samples.push(sample);
  }

  median(part: Row['part'], corpus: string, step: string, who: string, of: (sample: Sample) => number | undefined = (sample) => sample.seconds): number | undefined {
    const row = this.rows.find((each) => each.part === part && each.corpus === corpus && each.step === step && each.who === who);
    return row === undefined ? undefined : median(row.samples.flatMap((each) => of(each) ?? []));
  }
}

export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length === 0 ? undefined : sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
