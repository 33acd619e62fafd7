import type { FailureCode } from '../../contracts/failures.ts';

export type OutputFormat = 'text' | 'json' | 'jsonl';

export interface OutputOptions {
  readonly format: OutputFormat;
  readonly color: boolean;
}

/** A table for people. */
export interface TableView {
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** Instead of an empty table. */
  readonly empty: string;
}

/** The only place that prints results, on standard output. */
export interface Output {
  readonly format: OutputFormat;
  /**
   * A result: the document for scripts, the view for people. `"version": 1` is added to the document.
   * @param items with jsonl, one line for each of these instead of the whole document.
   */
  result(document: object, view: () => string | Promise<string>, items?: readonly object[]): Promise<void>;
  /** One of a sequence of results that is not held in memory: a line of JSON with json or jsonl, else the text. */
  line(document: object, text: string): void;
  failure(error: { readonly code: FailureCode; readonly message: string; readonly hint: string; readonly details: object }): void;
  table(view: TableView): Promise<string>;
  /** Colours a word by what it means, on a terminal. */
  mark(word: string): Promise<string>;
}

const good = new Set(['ok', 'passed', 'sealed', 'supported', 'proved', 'restored', 'running', 'created', 'completed', 'equal']);
const bad = new Set(['error', 'failed', 'refused', 'damaged', 'cancelled', 'terminated', 'timed_out', 'unusable']);
const doubtful = new Set(['warning', 'partial', 'unproven', 'unsupported', 'paused', 'waiting', 'differences']);

export function createOutput({ format, color }: OutputOptions): Output {
  const write = (text: string) => process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  const mark = async (word: string) => {
    if (!color) return word;
    const { createColors } = (await import('picocolors')).default;
    const colors = createColors(true);
    return good.has(word) ? colors.green(word) : bad.has(word) ? colors.red(word) : doubtful.has(word) ? colors.yellow(word) : word;
  };
  return {
    format,
    async result(document, view, items) {
      if (format === 'jsonl' && items !== undefined) for (const item of items) write(JSON.stringify({ version: 1, ...item }));
      else if (format === 'jsonl') write(JSON.stringify({ version: 1, ...document }));
      else if (format === 'json') write(JSON.stringify({ version: 1, ...document }, null, 2));
      else write(await view());
    },
    line(document, text) {
      write(format === 'text' ? text : JSON.stringify({ version: 1, ...document }));
    },
    failure(error) {
      if (format !== 'text') write(JSON.stringify({ version: 1, error }, null, format === 'json' ? 2 : undefined));
    },
    async table({ head, rows, empty }) {
      if (rows.length === 0) return empty;
      const { default: Table } = await import('cli-table3');
      const bare = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' };
      const table = new Table({ head: [...head], chars: bare, style: { 'padding-left': 0, 'padding-right': 0, head: color ? ['bold'] : [], border: [] } });
      for (const row of rows) table.push(await Promise.all(row.map((cell) => mark(String(cell)))));
      return table.toString().split('\n').map((line) => line.trimEnd()).join('\n');
    },
    mark,
  };
}
