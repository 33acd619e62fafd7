import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedDocuments } from './generated.ts';

/** Writes what is generated. */
const folder = fileURLToPath(new URL('.', import.meta.url));
for (const [name, content] of Object.entries(generatedDocuments())) {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  process.stdout.write(`${path}\n`);
}
