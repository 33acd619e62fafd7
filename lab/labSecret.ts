import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';

/** The secret in a file; a new one is made when there is none. */
export async function labSecret(file: string, make: () => string = () => randomBytes(18).toString('base64url')): Promise<string> {
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const secret = make();
  await writeFile(file, secret, { mode: 0o600 });
  await chmod(file, 0o600);
  return secret;
}
