import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../contracts/failure.ts';
import type { FramePool } from './framePool.ts';
import type { IndexedEntry } from './piece.ts';
import { createContentReader } from './readContent.ts';
import { openIndex } from './readIndex.ts';
import { readManifest } from './readManifest.ts';
import type { Repository } from './repository.ts';

export interface ExtractOptions {
  readonly setId: string;
  readonly source: string;
  readonly instance: string;
  /** Keys; each with everything below it. None: everything. */
  readonly paths: readonly string[];
  /** Local folder; made when it is not there. */
  readonly to: string;
  /** Replace files that exist; otherwise they are refused, one by one. */
  readonly overwrite?: boolean;
  readonly onProgress?: (done: { readonly files: number; readonly bytes: number }) => void;
  readonly signal?: AbortSignal;
}

export interface ExtractResult {
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
  /** Entries that did not come out, with the reason: at most 100 of `failedTotal`. */
  readonly failed: readonly { readonly key: string; readonly reason: string }[];
  readonly failedTotal: number;
}

/**
 * Writes entries of a set into a local folder, with nothing but the repository. A file appears under its name only when its whole content was checked.
 * Damaged entries are listed and the others come out all the same.
 * @throws Failure E_SET_NOT_FOUND, E_USAGE when nothing matches, E_CORRUPT when the index is damaged
 */
export async function extractEntries(repository: Repository, pool: FramePool, options: ExtractOptions): Promise<ExtractResult> {
  const manifest = await readManifest(repository, options.setId);
  const part = manifest.sources.find((each) => each.source === options.source && each.instance === options.instance);
  if (part === undefined) throw new Failure('E_USAGE', `set ${options.setId} has no source ${options.source}@${options.instance}`);
  const index = await openIndex(repository, pool, part.table);
  const reader = createContentReader(repository, pool, { cacheBytes: 32 << 20 });
  await fs.mkdir(options.to, { recursive: true });
  const root = await fs.realpath(options.to);
  const done = { entries: 0, files: 0, bytes: 0, failed: [] as { key: string; reason: string }[], failedTotal: 0 };
  const paths = options.paths.map((path) => (path.length > 1 ? path.replace(/\/+$/, '') : path));
  for await (const entry of index.entries({ ...(paths.length === 0 ? {} : { below: paths }), ...(options.signal === undefined ? {} : { signal: options.signal }) })) {
    options.signal?.throwIfAborted();
    done.entries += 1;
    try {
      await extractOne(root, entry, options, () => reader.read(entry.pieces ?? [], options.signal === undefined ? {} : { signal: options.signal }));
      if (entry.type === 'file') done.files += 1;
      done.bytes += entry.type === 'file' ? entry.length : 0;
      options.onProgress?.({ files: done.files, bytes: done.bytes });
    } catch (error) {
      if (!(error instanceof Failure) || !['E_CORRUPT', 'E_OBJECT_NOT_FOUND', 'E_TARGET_EXISTS', 'E_GAPS', 'E_UNSUPPORTED'].includes(error.code)) throw error;
      done.failedTotal += 1;
      if (done.failed.length < 100) done.failed.push({ key: entry.key, reason: error.message });
    }
  }
  if (done.entries === 0 && paths.length > 0) throw new Failure('E_USAGE', `nothing in set ${options.setId} is named ${paths.join(', ')}`);
  return done;
}

async function extractOne(root: string, entry: IndexedEntry, options: ExtractOptions, content: () => AsyncIterable<Uint8Array>): Promise<void> {
  const path = safePath(root, entry.key);
  if (entry.gap !== undefined) throw new Failure('E_GAPS', entry.gap);
  if (entry.type === 'symlink') throw new Failure('E_UNSUPPORTED', 'symbolic links are not written to a local folder');
  if (entry.type === 'directory') {
    await makeFolder(root, path);
    return;
  }
  await makeFolder(root, dirname(path));
  if (!options.overwrite && (await fs.lstat(path).catch(ignoreMissing)) !== undefined) throw new Failure('E_TARGET_EXISTS', `${path} exists already`);
  const partial = join(dirname(path), `.mrs-backup-${process.pid}-${Math.random().toString(36).slice(2)}`);
  try {
    // Never through a link that somebody put there.
    await using file = await fs.open(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    let length = 0;
    for await (const bytes of content()) {
      await file.writeFile(bytes);
      length += bytes.length;
    }
    if (length !== entry.length) throw new Failure('E_CORRUPT', `${entry.key}: its content has ${length} instead of ${entry.length} bytes`);
    const { mode, mtime } = modeAndTime(entry);
    if (mode !== undefined) await file.chmod(mode);
    if (mtime !== undefined) await file.utimes(mtime, mtime);
    if (options.overwrite) await fs.rename(partial, path);
    else await fs.link(partial, path).then(() => fs.unlink(partial));
  } catch (error) {
    await fs.rm(partial, { force: true });
    const name = (error as NodeJS.ErrnoException).code;
    if (name === 'EEXIST' || name === 'EISDIR' || name === 'ENOTEMPTY') throw new Failure('E_TARGET_EXISTS', `${path} exists already`, { cause: error });
    throw error;
  }
}

/** Of the system, without the NUL; a partial file beside needs some more. */
const longestPath = 4095 - 64;

/** Where an entry goes: always inside the folder, whatever its key says. @throws Failure E_UNSUPPORTED for a name no local file can have */
function safePath(root: string, key: string): string {
  const names = key.split('/').filter((name) => name !== '');
  for (const name of names) {
    if (name === '.' || name === '..' || name.includes('\0') || Buffer.byteLength(name) > 255) throw new Failure('E_UNSUPPORTED', `${JSON.stringify(key)} cannot be the name of a local file`);
  }
  const path = join(root, ...names);
  if (Buffer.byteLength(path) > longestPath) throw new Failure('E_UNSUPPORTED', `its path would have ${Buffer.byteLength(path)} bytes, a local one has ${longestPath} at most: extract what lies deep by itself, or restore it`);
  return path;
}

/** Makes a folder and those above it inside the root, never through a link. */
async function makeFolder(root: string, path: string): Promise<void> {
  if (path === root) return;
  await makeFolder(root, dirname(path));
  await fs.mkdir(path, { mode: 0o700 }).catch(async (error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!(await fs.lstat(path)).isDirectory()) throw new Failure('E_TARGET_EXISTS', `${path} exists and is no folder`, { cause: error });
  });
}

/** Permission bits and time of change, where the source gave them in a form that is understood. Never set-user or set-group bits. */
function modeAndTime(entry: IndexedEntry): { readonly mode: number | undefined; readonly mtime: Date | undefined } {
  const permission = entry.attributes['permission'] ?? entry.attributes['mode'];
  const mode = typeof permission === 'number' ? permission & 0o777 : typeof permission === 'string' && /^[0-7]{3,4}$/.test(permission) ? Number.parseInt(permission, 8) & 0o777 : undefined;
  const time = entry.attributes['modificationTime'] ?? entry.attributes['mtime'];
  const mtime = typeof time === 'number' && Number.isFinite(time) && time >= 0 ? new Date(time) : undefined;
  return { mode, mtime: mtime === undefined || Number.isNaN(mtime.getTime()) ? undefined : mtime };
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
