import { open } from 'node:fs/promises';
import { platform } from 'node:os';
import { resolve } from 'node:path';
import { Failure } from '../contracts/failure.ts';
import type { SecretReader, SecretReference } from '../contracts/secretReader.ts';

/** Longer than any password or key; a reference to a wrong, huge file does not fill the memory. */
const maximumBytes = 64 * 1024;

/**
 * Reads secrets behind references. A file that everybody on the machine may read is refused, except where files have no modes.
 * @param baseFolder relative files count from here: the configuration's folder.
 */
export function createSecretReader(baseFolder: string, env: NodeJS.ProcessEnv = process.env): SecretReader {
  return async (reference, extent = 'firstLine') => {
    const text = 'file' in reference ? await textOf(resolve(baseFolder, reference.file), reference) : env[reference.env];
    const value = 'file' in reference && extent === 'firstLine' ? text?.split('\n', 1)[0]?.replace(/\r$/, '') : text;
    if (value === undefined) throw new Failure('E_SECRET', `the environment variable of the secret is not set: ${describeReference(reference)}`, { hint: 'set it for the process that runs this: worker or command' });
    if (value === '') throw new Failure('E_SECRET', `the secret is empty: ${describeReference(reference)}`, { hint: 'put the secret into the first line' });
    return value;
  };
}

/** A reference as a person may see it. */
export function describeReference(reference: SecretReference): string {
  return 'file' in reference ? `file ${reference.file}` : `env ${reference.env}`;
}

async function textOf(path: string, reference: SecretReference): Promise<string> {
  try {
    await using handle = await open(path, 'r');
    const status = await handle.stat();
    if (!status.isFile()) throw new Failure('E_SECRET', `the secret is not a file: ${describeReference(reference)}`);
    if (platform() !== 'win32' && (status.mode & 0o007) !== 0) {
      throw new Failure('E_SECRET', `everybody on this machine may read the secret: ${describeReference(reference)}`, { hint: `chmod 600 ${path}` });
    }
    const buffer = Buffer.alloc(maximumBytes);
    const { bytesRead } = await handle.read(buffer, 0, maximumBytes, 0);
    const text = buffer.toString('utf8', 0, bytesRead);
    buffer.fill(0);
    return text;
  } catch (error) {
    if (error instanceof Failure) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new Failure('E_SECRET', `cannot read the secret: ${describeReference(reference)} (${code})`, { hint: `check that ${path} exists and that this user may read it` });
  }
}
