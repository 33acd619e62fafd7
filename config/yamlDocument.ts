import { isAlias, isMap, isSeq, LineCounter, parseDocument, type Node, type Pair } from 'yaml';
import type { ConfigProblem } from './configProblem.ts';

export type KeyPath = readonly (string | number)[];

/** A parsed YAML text that still knows its lines. */
export interface YamlDocument {
  readonly value: unknown;
  /** Syntax errors and duplicate keys. */
  readonly problems: readonly ConfigProblem[];
  /** The value cannot be trusted: nothing more can be checked. */
  readonly broken: boolean;
  /** Line of the key or item at the path, from 1; of the nearest one above it where the path does not exist. */
  lineOf(path: KeyPath): number;
}

/** Parses one YAML 1.2 document. Never throws on bad input. */
export function parseYaml(text: string): YamlDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false, logLevel: 'error' });
  const problems: ConfigProblem[] = document.errors.map((error) => {
    const line = lines.linePos(error.pos[0]).line;
    // What comes behind a second `---` would be passed over.
    if (error.code === 'MULTIPLE_DOCS') return { path: '', line, severity: 'error', message: 'a second document begins here', hint: 'write one document: what follows would be ignored' };
    const duplicate = error.code === 'DUPLICATE_KEY';
    return {
      path: '', line, severity: 'error',
      message: duplicate ? `the key ${keyText(text, error.pos[0])} is there twice` : `not valid YAML: ${firstLine(error.message)}`,
      hint: duplicate ? 'keep one of the two; the second would silently replace the first' : 'check indentation, quotes and brackets around this line',
    };
  });
  const broken = document.errors.some((error) => error.code !== 'DUPLICATE_KEY');
  let value: unknown;
  try {
    value = broken ? undefined : document.toJS();
  } catch (error) {
    // Unresolved aliases and alias bombs appear only here.
    problems.push({ path: '', line: 1, severity: 'error', message: `not valid YAML: ${firstLine(error instanceof Error ? error.message : String(error))}`, hint: 'check the anchors and aliases' });
    return { value: undefined, problems, broken: true, lineOf: () => 1 };
  }

  function lineOf(path: KeyPath): number {
    let line = 1;
    let node: unknown = document.contents;
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(document);
      if (isMap(node)) {
        const pair: Pair<unknown, unknown> | undefined = node.items.find((item) => keyOf(item) === String(step));
        if (pair === undefined) break;
        const at = (pair.key as Node | null)?.range?.[0];
        if (at !== undefined) line = lines.linePos(at).line;
        node = pair.value;
      } else if (isSeq(node)) {
        const item: unknown = node.items[Number(step)];
        if (item === undefined) break;
        const at = (item as Node | null)?.range?.[0];
        if (at !== undefined) line = lines.linePos(at).line;
        node = item;
      } else break;
    }
    return line;
  }

  return { value, problems, broken, lineOf };
}

function keyOf(pair: Pair<unknown, unknown>): string {
  const key = pair.key as { value?: unknown } | null;
  return String(key !== null && typeof key === 'object' && 'value' in key ? key.value : key);
}

function keyText(text: string, from: number): string {
  const key = /^[^:\n]{1,80}/.exec(text.slice(from))?.[0] ?? '';
  return `"${key.trim()}"`;
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}
