import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { checkSchema } from '../../config/schemaProblems.ts';
import { parseYaml } from '../../config/yamlDocument.ts';
import { Failure } from '../../contracts/failure.ts';
import type { RestoreMapping } from '../../contracts/restore.ts';

const mapping = z.strictObject({
  instances: z.record(z.string(), z.string()).default({}),
  paths: z.array(z.strictObject({ from: z.string().startsWith('/'), to: z.string().startsWith('/') })).default([]),
  databases: z.record(z.string(), z.string()).default({}),
  owners: z.record(z.string(), z.string()).default({}),
});

/**
 * The mapping of `--map FILE` (YAML or JSON); without a file nothing is mapped.
 * @throws Failure E_USAGE with the line
 */
export async function readMapping(file: string | undefined): Promise<RestoreMapping> {
  if (file === undefined) return { instances: {}, paths: [], databases: {}, owners: {} };
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new Failure('E_USAGE', `cannot read the mapping ${file}`, { hint: 'check the path of --map', cause });
  }
  const document = parseYaml(text);
  const syntax = document.problems[0];
  if (syntax !== undefined) throw new Failure('E_USAGE', `${file}:${syntax.line}: ${syntax.message}`, { hint: syntax.hint });
  const { value, problems } = checkSchema(mapping, document.value ?? {}, []);
  const first = problems[0];
  if (value === undefined) throw new Failure('E_USAGE', `${file}:${document.lineOf(first?.path ?? [])}: ${first?.path.join('.') ?? ''}: ${first?.message ?? 'not usable'}`, { hint: first?.hint ?? 'see --help' });
  return value;
}
