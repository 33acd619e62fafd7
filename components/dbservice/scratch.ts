import { createHash } from 'node:crypto';
import { open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../../contracts/failure.ts';

/** A name as one segment of a key and of a path: what a file system or a key cannot hold is written as %XX. Reversed by decodeURIComponent. */
export function segmentOf(name: string): string {
  const escaped = name.replace(/[%/\\\u0000-\u001f\u007f]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  return /^\.\.?$/.test(escaped) ? escaped.replaceAll('.', '%2E') : escaped;
}

/** Key of everything of a database. */
export const databaseKey = (database: string): string => `databases/${segmentOf(database)}`;

/** The database a key belongs to, `undefined` for what belongs to none. */
export function databaseOfKey(key: string): string | undefined {
  const segment = /^databases\/([^/]+)/.exec(key)?.[1];
  return segment === undefined ? undefined : decodeURIComponent(segment);
}

/**
 * The path of a key below a folder.
 * @throws Failure E_FORMAT when the key could lead anywhere else
 */
export function pathOfKey(folder: string, key: string): string {
  const segments = key.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..' || /[\\\0]/.test(segment))) throw new Failure('E_FORMAT', `not a key of a database backup: ${JSON.stringify(key)}`);
  return join(folder, ...segments);
}

/** A short, stable stand-in for a long name. */
export const digestOf = (text: string, length: number): string => createHash('sha256').update(text).digest('hex').slice(0, length);

/** Writes a file so that it is whole or not there, also after a power loss. */
export async function writeWhole(path: string, text: string | Buffer): Promise<void> {
  const part = `${path}.part`;
  const file = await open(part, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, path);
}

/** Removes a folder and the one above it when nothing else is in that. Missing is done. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await rmdir(dirname(folder)).catch(() => undefined);
}

/** Names in a folder; none when it is missing. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}
