import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../contracts/failure.ts';
import { freeOwnBuffer } from '../storage/freeOwnBuffer.ts';
import type { FileToExtract } from './extractFiles.ts';
import { fetchStretches, type PackStretch } from './fetchStretches.ts';
import { FolderMaker } from './folderMaker.ts';
import type { FramePool } from './framePool.ts';
import { orderedMap } from './orderedMap.ts';
import { packKey } from './packKey.ts';
import type { IndexedEntry } from './piece.ts';
import { checkContiguous, createContentReader, readContent } from './readContent.ts';
import { openIndex } from './readIndex.ts';
import { readManifest, type Manifest } from './readManifest.ts';
import type { Repository } from './repository.ts';

/** Written by one job of a thread, which cannot be stopped in the middle. */
const mostInOneJob = 1 << 30;
const batchBytes = 8 << 20;
const batchFiles = 1024;
const batchesAtOnce = 6;

export interface ExtractOptions {
  readonly setId: string;
  /** Of that set, where it was read already. */
  readonly manifest?: Manifest;
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
  const manifest = options.manifest ?? (await readManifest(repository, options.setId));
  const part = manifest.sources.find((each) => each.source === options.source && each.instance === options.instance);
  if (part === undefined) throw new Failure('E_USAGE', `set ${options.setId} has no source ${options.source}@${options.instance}`);
  const index = await openIndex(repository, pool, part.table);
  const reader = createContentReader(repository, pool, { cacheBytes: 32 << 20 });
  await fs.mkdir(options.to, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new Failure('E_USAGE', `${options.to} cannot be a folder to write to: ${cause.code ?? cause.message}`, { hint: 'give a folder with --to that is there or can be made', cause });
  });
  const root = await fs.realpath(options.to);
  const done = { entries: 0, files: 0, bytes: 0, failed: [] as { key: string; reason: string }[], failedTotal: 0 };
  const paths = options.paths.map((path) => (path.length > 1 ? path.replace(/\/+$/, '') : path));
  const entries = index.entries({ ...(paths.length === 0 ? {} : { below: paths }), ...(options.signal === undefined ? {} : { signal: options.signal }) });
  const folders = new FolderMaker(root);
  const { localFile } = repository.session;
  const results = orderedMap(batchesOf(entries), batchesAtOnce, async (batch): Promise<readonly { readonly entry: IndexedEntry; readonly failure?: Failure }[]> => {
    options.signal?.throwIfAborted();
    // Many small files, or one of some size where the packs are local files, are one job of a thread.
    if (batch.every((each) => each.length <= (localFile === undefined ? batchBytes : mostInOneJob))) {
      const stretches = localFile === undefined ? await fetchStretches(repository, batch.filter(hasContent).flatMap((each) => each.pieces ?? []), options.signal).catch(ofDamage) : [];
      if (stretches !== undefined) return await extractOnThread(repository, pool, root, batch, stretches, folders, options);
    }
    // Also where the batch lies scattered, or something of it is damaged: whose it is shows when its entries are read one by one.
    const one: { entry: IndexedEntry; failure?: Failure }[] = [];
    for (const entry of batch) {
      const signal = options.signal === undefined ? {} : { signal: options.signal };
      const content = (): AsyncIterable<Uint8Array> => (entry.length > batchBytes ? readOnce(repository, pool, entry, signal) : reader.read(entry.pieces ?? [], signal));
      const failure = await extractOne(root, entry, folders, options, content).then(() => undefined, ownFailure);
      one.push({ entry, ...(failure === undefined ? {} : { failure }) });
    }
    return one;
  });
  for await (const batch of results) {
    for (const { entry, failure } of batch) {
      done.entries += 1;
      if (failure !== undefined) {
        done.failedTotal += 1;
        if (done.failed.length < 100) done.failed.push({ key: entry.key, reason: failure.message });
      } else if (entry.type === 'file') {
        done.files += 1;
        done.bytes += entry.length;
      }
    }
    options.onProgress?.({ files: done.files, bytes: done.bytes });
  }
  if (done.entries === 0 && paths.length > 0) throw new Failure('E_USAGE', `nothing in set ${options.setId} is named ${paths.join(', ')}`);
  return done;
}

/** The content of a large file, which shares no frame that is kept for others: when the next part is asked for, the memory of the last one is given back. */
async function* readOnce(repository: Repository, pool: FramePool, entry: IndexedEntry, options: { readonly signal?: AbortSignal }): AsyncGenerator<Uint8Array> {
  for await (const part of readContent(repository, pool, entry.pieces ?? [], options)) {
    yield part;
    freeOwnBuffer(part);
  }
}

/** A failure of one entry alone. @throws the error when it is more than that */
function ownFailure(error: unknown): Failure {
  if (!(error instanceof Failure) || !['E_CORRUPT', 'E_OBJECT_NOT_FOUND', 'E_TARGET_EXISTS', 'E_GAPS', 'E_UNSUPPORTED'].includes(error.code)) throw error;
  return error;
}

function ofDamage(error: unknown): undefined {
  if (!(error instanceof Failure) || !['E_CORRUPT', 'E_OBJECT_NOT_FOUND'].includes(error.code)) throw error;
  return undefined;
}

function hasContent(entry: IndexedEntry): boolean {
  return entry.type === 'file' && entry.gap === undefined;
}

/** Entries in their order, some megabytes at a time, cut where no frame is shared: what is fetched and opened for one batch is not needed for the next. */
async function* batchesOf(entries: AsyncIterable<IndexedEntry>): AsyncGenerator<readonly IndexedEntry[]> {
  let batch: IndexedEntry[] = [];
  let bytes = 0;
  for await (const entry of entries) {
    const last = batch.at(-1);
    const sharesFrame = last?.pieces?.length === 1 && last.pieces[0]!.pack === entry.pieces?.[0]?.pack && last.pieces[0]!.frameOffset === entry.pieces[0]!.frameOffset;
    const isFull = bytes + entry.length > batchBytes || batch.length >= batchFiles;
    if (last !== undefined && isFull && !sharesFrame) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(entry);
    bytes += entry.length;
  }
  if (batch.length > 0) yield batch;
}

async function extractOnThread(repository: Repository, pool: FramePool, root: string, batch: readonly IndexedEntry[], stretches: readonly PackStretch[], folders: FolderMaker, options: ExtractOptions): Promise<readonly { readonly entry: IndexedEntry; readonly failure?: Failure }[]> {
  const failures = new Map<IndexedEntry, Failure>();
  const files: FileToExtract[] = [];
  const written: IndexedEntry[] = [];
  const paths = new Map<string, string>();
  const pathOf = (pack: string): { readonly path?: string } => {
    const path = paths.get(pack) ?? repository.session.localFile?.(packKey(pack));
    if (path === undefined) return {};
    paths.set(pack, path);
    return { path };
  };
  for (const entry of batch) {
    try {
      const path = safePath(root, entry.key);
      if (!hasContent(entry)) {
        await makeWithout(entry, path, folders);
        continue;
      }
      const pieces = entry.pieces ?? [];
      checkContiguous(pieces);
      await folders.make(dirname(path));
      const { mode, mtime } = modeAndTime(entry);
      files.push({
        path, partial: partialName(path), length: entry.length, mode, modifiedAt: mtime?.getTime(),
        pieces: pieces.map(({ length, digest, pack, frameOffset, storedLength, skip }) => ({ length, digest, pack, frameOffset, storedLength, skip, ...pathOf(pack) })),
      });
      written.push(entry);
    } catch (error) {
      failures.set(entry, ownFailure(error));
    }
  }
  for (const { item, code, message } of await pool.extract(files, stretches, options.overwrite === true, repository.keys, repository.chunkBytes)) {
    const entry = written[item]!;
    // A repository that went away looks like one without packs: the session tells.
    if (code === 'E_OBJECT_NOT_FOUND') for (const { pack } of entry.pieces ?? []) await repository.session.stat(packKey(pack), options.signal);
    failures.set(entry, ownFailure(new Failure(code, message)));
  }
  return batch.map((entry) => ({ entry, ...(failures.has(entry) ? { failure: failures.get(entry)! } : {}) }));
}

async function extractOne(root: string, entry: IndexedEntry, folders: FolderMaker, options: ExtractOptions, content: () => AsyncIterable<Uint8Array>): Promise<void> {
  const path = safePath(root, entry.key);
  if (!hasContent(entry)) return await makeWithout(entry, path, folders);
  await folders.make(dirname(path));
  if (!options.overwrite && (await fs.lstat(path).catch(ignoreMissing)) !== undefined) throw new Failure('E_TARGET_EXISTS', `${path} exists already`);
  const partial = partialName(path);
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

/** What needs no content: a directory. @throws Failure for anything else */
async function makeWithout(entry: IndexedEntry, path: string, folders: FolderMaker): Promise<void> {
  if (entry.gap !== undefined) throw new Failure('E_GAPS', entry.gap);
  if (entry.type === 'symlink') throw new Failure('E_UNSUPPORTED', 'symbolic links are not written to a local folder');
  await folders.make(path);
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

function partialName(path: string): string {
  return join(dirname(path), `.mrs-backup-${process.pid}-${Math.random().toString(36).slice(2)}`);
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
