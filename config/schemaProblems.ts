import { z } from 'zod';
import { nearest } from './nearest.ts';
import type { KeyPath } from './yamlDocument.ts';

/** A problem before it has a line. */
export interface SchemaProblem {
  readonly path: KeyPath;
  readonly message: string;
  readonly hint: string;
}

const correctIt = 'correct it, then look again with mrs-backup config check';

type JsonSchema = { readonly [key: string]: unknown };

/**
 * Checks a value by a schema and says what is wrong as an operator would want to hear it. Values are never repeated: they may be secret.
 * @param at where the value is in the document.
 */
export function checkSchema<T>(schema: z.ZodType<T>, value: unknown, at: KeyPath): { readonly value: T | undefined; readonly problems: readonly SchemaProblem[] } {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data, problems: [] };
  const shape = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return { value: undefined, problems: parsed.error.issues.flatMap((issue) => describe(issue, [], value, shape)).map((problem) => ({ ...problem, path: [...at, ...problem.path] })) };
}

function describe(issue: z.core.$ZodIssue, above: KeyPath, value: unknown, shape: JsonSchema): SchemaProblem[] {
  const path = [...above, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
  const found = valueAt(value, path);
  const options = shapesAt(shape, path);
  const keys = [...new Set(options.flatMap((option) => Object.keys((option['properties'] as object | undefined) ?? {})))];
  const isReference = keys.includes('file') && keys.includes('env');

  // Either alone is known.
  if (isReference && issue.code === 'unrecognized_keys' && issue.keys.every((key) => keys.includes(key))) return [{ path, message: 'names a file and a variable', hint: 'keep one of file and env' }];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], key, keys));
  if (isReference && typeof found !== 'object') {
    return [{ path, message: 'must be a reference, not the secret itself', hint: 'write { file: secrets/name } or { env: NAME }' }];
  }
  if (issue.code === 'invalid_union') {
    const branch = bestBranch(issue.errors, found);
    // A union whose every branch fails at its own top says nothing better than "none of them".
    if (branch !== undefined && branch.some((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys')) return branch.flatMap((inner) => describe(inner, path, value, shape));
    return [{ path, message: 'has none of the allowed forms', hint: `expected: ${expectation(options)}` }];
  }
  if (issue.code === 'invalid_type' || issue.code === 'invalid_value') {
    if (found === undefined) return [{ path, message: `${String(path.at(-1) ?? 'the block')} is missing`, hint: `add it: ${expectation(options)}` }];
    const message = issue.code === 'invalid_value' ? `is not one of ${issue.values.map(String).join(', ')}` : `must be ${article(issue.expected)}, is ${kindOf(found)}`;
    const guess = issue.code === 'invalid_value' && typeof found === 'string' ? nearest(found, issue.values.map(String)) : undefined;
    return [{ path, message, hint: guess === undefined ? `expected: ${expectation(options)}` : `did you mean ${guess}?` }];
  }
  if (issue.code === 'too_small' || issue.code === 'too_big') return [{ path, message: `must be ${issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`}${amountOf(issue.origin)}`, hint: correctIt }];
  return [{ path, message: issue.code === 'invalid_format' && issue.format === 'url' ? 'must be a URL such as "http://host:9870"' : issue.message, hint: correctIt }];
}

/** Of what a size is. */
function amountOf(origin: string): string {
  return origin === 'string' ? ' characters long' : origin === 'array' || origin === 'set' ? ' long' : '';
}

/** The problem of a key nobody knows, with the nearest one that exists. */
export function unknownKey(path: KeyPath, key: string, known: readonly string[]): SchemaProblem {
  // Known in another form of the block.
  if (known.includes(key)) return { path, message: `"${key}" does not go with the other keys here`, hint: 'remove it, or what belongs to the other form' };
  const guess = nearest(key, known);
  return { path, message: `unknown key "${key}"`, hint: guess !== undefined ? `did you mean "${guess}"?` : known.length === 0 ? 'remove it' : `known here: ${known.join(', ')}` };
}

/** The branch of a union the writer most likely meant: the one that got furthest. */
function bestBranch(branches: readonly (readonly z.core.$ZodIssue[])[], found: unknown): readonly z.core.$ZodIssue[] | undefined {
  const costOf = (issue: z.core.$ZodIssue): number => (issue.code === 'unrecognized_keys' ? issue.keys.length : issue.path.length === 0 ? 10 : missingIn(issue, found) ? 3 : 1);
  const cost = (branch: readonly z.core.$ZodIssue[]): number => branch.reduce((sum, issue) => sum + costOf(issue), 0);
  return [...branches].sort((a, b) => cost(a) - cost(b))[0];
}

function missingIn(issue: z.core.$ZodIssue, found: unknown): boolean {
  return valueAt(found, issue.path as KeyPath) === undefined;
}

function valueAt(value: unknown, path: KeyPath): unknown {
  let at = value;
  for (const step of path) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

/** Every alternative the schema has at a path. */
function shapesAt(root: JsonSchema, path: KeyPath): JsonSchema[] {
  let shapes = alternatives(root, root);
  for (const step of path) {
    shapes = shapes.flatMap((shape) => {
      const property = (shape['properties'] as Record<string, JsonSchema> | undefined)?.[step];
      const inner = property ?? (typeof step === 'number' ? shape['items'] : shape['additionalProperties']);
      return inner !== null && typeof inner === 'object' ? alternatives(inner as JsonSchema, root) : [];
    });
  }
  return shapes;
}

function alternatives(shape: JsonSchema, root: JsonSchema): JsonSchema[] {
  const reference = shape['$ref'];
  if (typeof reference === 'string') {
    const target = (root['$defs'] as Record<string, JsonSchema> | undefined)?.[reference.replace('#/$defs/', '')];
    return target === undefined ? [] : alternatives(target, root);
  }
  const inner = (['anyOf', 'oneOf', 'allOf'] as const).flatMap((word) => (shape[word] as JsonSchema[] | undefined) ?? []);
  return inner.length === 0 ? [shape] : inner.flatMap((each) => alternatives(each, root));
}

function expectation(shapes: readonly JsonSchema[]): string {
  const words = shapes.map((shape) => {
    if (Array.isArray(shape['enum'])) return (shape['enum'] as unknown[]).map(String).join(', ');
    if ('const' in shape) return String(shape['const']);
    const properties = Object.keys((shape['properties'] as object | undefined) ?? {});
    if (properties.length > 0) return `{ ${properties.join(', ')} }`;
    return typeof shape['type'] === 'string' ? article(shape['type']) : 'a value';
  });
  return [...new Set(words)].join(' or ') || 'a value';
}

function article(type: string): string {
  const names: Readonly<Record<string, string>> = { object: 'a block of keys', record: 'a block of keys', array: 'a list', string: 'a text', number: 'a number', integer: 'a whole number', int: 'a whole number', boolean: 'true or false' };
  return names[type] ?? type;
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  return article(typeof value);
}
