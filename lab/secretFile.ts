import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';

/** The secret in a file that only we may read; made up when the file is not there. */
export async function secretFile(file: string, make: () => string = () => randomBytes(18).toString('base64url')): Promise<string> {
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const word = make();
  await writeFile(file, word, { mode: 0o600 });
  await chmod(file, 0o600);
  return word;
}
