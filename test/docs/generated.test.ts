import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { generatedDocuments } from '../../docs/generated.ts';
import { failures } from '../../contracts/failures.ts';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));

describe('documents that are generated', () => {
  const documents = generatedDocuments();

  it.each(Object.entries(documents))('docs/%s is what `npm run docs` writes', async (name, content) => {
    expect(await readFile(join(docs, name), 'utf8')).toBe(content);
  });

  it('name every failure code', () => {
    for (const code of Object.keys(failures)) expect(documents['guide/commands.md']).toContain(`| \`${code}\` |`);
  });
});
