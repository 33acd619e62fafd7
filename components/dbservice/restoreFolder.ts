import { open, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { Entry } from '../../contracts/entry.ts';
import { Failure } from '../../contracts/failure.ts';
import { databaseOfKey, pathOfKey } from './scratch.ts';
import { digestFile } from './fileList.ts';

/** Where an entry is staged. @throws Failure E_FORMAT for a key that a database backup cannot hold */
function stagedPath(folder: string, key: string): string {
  if (key !== 'globals.sql' && databaseOfKey(key) === undefined) throw new Failure('E_FORMAT', `not a key of a database backup: ${JSON.stringify(key)}`);
  return pathOfKey(join(folder, 'content'), key);
}

/** Whether an entry is staged whole: its length, and its digest where the set gives one. */
export async function isStaged(folder: string, entry: Entry, signal: AbortSignal | undefined): Promise<boolean> {
  const path = stagedPath(folder, entry.key);
  const there = await stat(path).catch(() => undefined);
  if (!there) return false;
  if (entry.type !== 'file') return there.isDirectory();
  if (there.size !== entry.length) return false;
  const sha256 = entry.attributes['sha256'];
  return typeof sha256 === 'string' && (await digestFile(path, false, signal)).sha256 === sha256;
}

/** Writes an entry into the staging folder: whole and on the disk, or not at all. @throws Failure E_SOURCE_FULL, E_CORRUPT */
export async function stageEntry(folder: string, entry: Entry, body: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<void> {
  const path = stagedPath(folder, entry.key);
  if (entry.type === 'symlink') throw new Failure('E_FORMAT', `a database backup holds no links: ${entry.key}`);
  const part = join(folder, 'parts', randomUUID());
  try {
    if (entry.type === 'directory') {
      await mkdir(path, { recursive: true, mode: 0o700 });
      return;
    }
    await mkdir(dirname(part), { recursive: true, mode: 0o700 });
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(part, 'wx', 0o600);
    let length = 0;
    try {
      for await (const bytes of body) {
        signal?.throwIfAborted();
        for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
        length += bytes.length;
      }
      if (length !== entry.length) throw new Failure('E_CORRUPT', `${entry.key}: ${length} bytes came, ${entry.length} were announced`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined);
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new Failure('E_SOURCE_FULL', `no space for ${entry.key} in the scratch folder ${folder}`, { hint: 'make space there; the run goes on by itself', cause: error });
    throw error;
  }
}
