import { z } from 'zod';
import { answers } from '../client/answers/answers.ts';
import { code, errorAnswer } from '../client/answers/parts.ts';
import { commandGuide } from '../client/cli/commandGuide.ts';
import { nouns, singleCommands } from '../client/cli/commands.ts';
import { globalOptions } from '../client/cli/program.ts';

/** The documents that are generated: path below docs/ → content. */
export function generatedDocuments(): Readonly<Record<string, string>> {
  const schemas = Object.entries({ ...answers, error: errorAnswer }).sort(([a], [b]) => (a < b ? -1 : 1));
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'What mrs-backup prints with --output json, by command',
    $defs: Object.fromEntries<object>([...schemas.map(([name, each]): [string, object] => {
      // Named once: it stands in most of them.
      const { $schema: _, ...rest } = z.toJSONSchema(each, { override: ({ zodSchema, jsonSchema }) => {
        if (zodSchema !== code) return;
        for (const key of Object.keys(jsonSchema)) delete (jsonSchema as Record<string, unknown>)[key];
        jsonSchema.$ref = '#/$defs/failureCode';
      } });
      return [name, rest];
    }), ['failureCode', { type: 'string', enum: code.options }]]),
  };
  return {
    'guide/commands.md': commandGuide(nouns, singleCommands, globalOptions()),
    'reference/answers.schema.json': `${JSON.stringify(schema, null, 1)}\n`,
  };
}
