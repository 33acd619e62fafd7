import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beginSet } from '../../backupset/beginSet.ts';
import type { FramePool } from '../../backupset/framePool.ts';
import { packKey } from '../../backupset/packKey.ts';
import { PackWriter } from '../../backupset/packWriter.ts';
import type { IndexedEntry, Piece } from '../../backupset/piece.ts';
import { readManifest } from '../../backupset/readManifest.ts';
import { createRepository, type Repository, type RepositoryKey } from '../../backupset/repository.ts';
import { sealSet } from '../../backupset/sealSet.ts';
import { writeSourceDescription } from '../../backupset/sourceDescription.ts';
import { writeIndex, type IndexInput, type WrittenIndex } from '../../backupset/writeIndex.ts';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { localDir } from '../../storage/localDir.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';

export const rawKey: RepositoryKey = { kind: 'raw', secret: Buffer.alloc(32, 7) };

/** A repository in a new folder, with small packs and chunks so that little content makes many of them. */
export async function openSample(key?: RepositoryKey): Promise<{ folder: string; session: StorageSession; repository: Repository } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'format-'));
  const session = await localDir.open({ type: 'LocalDir', path: folder, allowRootFileSystem: true }, { name: 'sample', readSecret: () => Promise.reject(new Error('no secret')) });
  const repository = await createRepository(session, { ...(key === undefined ? {} : { key }), packBytes: 16384, chunkBytes: 4096 });
  return { folder, session, repository, [Symbol.asyncDispose]: async () => {
    await session[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  } };
}

/** Bytes that do not compress, always the same for the same seed. */
export function noise(seed: string, length: number): Uint8Array {
  const parts: Buffer[] = [];
  for (let i = 0; i * 32 < length; i++) parts.push(hash('sha256', `${seed}${i}`, 'buffer'));
  return Buffer.concat(parts).subarray(0, length);
}

/** Packs contents: small files share frames, larger ones are chunks of their own. Empty files and directories (`undefined`) have no pieces. */
export async function packContents(repository: Repository, pool: FramePool, contents: ReadonlyMap<string, Uint8Array | undefined>): Promise<IndexedEntry[]> {
  const { session, packBytes, chunkBytes, keys } = repository;
  const entries: IndexedEntry[] = [];
  let writer = new PackWriter(packBytes);
  let open: Piece[] = [];
  const finish = async (): Promise<void> => {
    if (writer.storedBytes === 0) return;
    const { digest, length, body } = writer.finish();
    await session.put(packKey(digest), body, { length, sha256: digest });
    for (const piece of open) Object.assign(piece, { pack: digest, packLength: length });
    writer = new PackWriter(packBytes);
    open = [];
  };
  let small: { raw: Uint8Array; piece: Piece }[] = [];
  const put = async (raw: Uint8Array, items: { offset: number; length: number }[]): Promise<{ frameOffset: number; storedLength: number; digests: string[] }> => {
    const { frames: [frame], itemDigests } = await pool.encode(new Uint8Array(raw), [keys], items);
    if (!writer.fits(frame!.length)) await finish();
    return { ...writer.add(frame!), storedLength: frame!.length, digests: itemDigests };
  };
  const flush = async (): Promise<void> => {
    if (small.length === 0) return;
    let skip = 0;
    const items = small.map(({ raw }) => {
      const item = { offset: skip, length: raw.length };
      skip += raw.length;
      return item;
    });
    const { frameOffset, storedLength, digests } = await put(Buffer.concat(small.map((each) => each.raw)), items);
    for (const [i, { piece }] of small.entries()) {
      Object.assign(piece, { frameOffset, storedLength, digest: digests[i], skip: items[i]!.offset });
      open.push(piece);
    }
    small = [];
  };
  const blank = (offset: number, length: number): Piece => ({ offset, length, digest: '', pack: '', packLength: 0, frameOffset: 0, storedLength: 0, skip: 0 });
  for (const [key, bytes] of [...contents].sort(([a], [b]) => compareKeys(a, b))) {
    const attributes = { owner: 'secret-owner', permission: '640', modificationTime: 1_700_000_000_000 };
    if (bytes === undefined || bytes.length === 0) {
      entries.push({ key, type: bytes === undefined ? 'directory' : 'file', length: 0, attributes });
      continue;
    }
    const pieces: Piece[] = [];
    if (bytes.length < 1000) {
      const piece = blank(0, bytes.length);
      pieces.push(piece);
      small.push({ raw: bytes, piece });
      if (small.length === 8) await flush();
    } else {
      await flush();
      let run: { piece: Piece; digests: string[]; writer: PackWriter } | undefined;
      const settle = (): void => {
        if (run !== undefined) Object.assign(run.piece, { digest: run.digests.length === 1 ? run.digests[0] : hash('sha256', Buffer.from(run.digests.join(''), 'hex')) });
      };
      for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
        const raw = bytes.subarray(offset, offset + chunkBytes);
        const { frameOffset, storedLength, digests } = await put(raw, [{ offset: 0, length: raw.length }]);
        if (run?.writer === writer) {
          Object.assign(run.piece, { length: run.piece.length + raw.length, storedLength: run.piece.storedLength + storedLength });
          run.digests.push(digests[0]!);
        } else {
          settle();
          const piece = { ...blank(offset, raw.length), frameOffset, storedLength };
          run = { piece, digests: [digests[0]!], writer };
          pieces.push(piece);
          open.push(piece);
        }
      }
      settle();
    }
    entries.push({ key, type: 'file', length: bytes.length, attributes, pieces });
  }
  await flush();
  await finish();
  return entries;
}

export const sampleContents = (): Map<string, Uint8Array | undefined> => new Map<string, Uint8Array | undefined>([
  ['/data', undefined], ['/data/empty', new Uint8Array(0)], ['/data/large', noise('large', 50_000)], ['/data/zeros', new Uint8Array(40_000)],
  ...Array.from({ length: 30 }, (_, i): [string, Uint8Array] => [`/data/small-${String(i).padStart(2, '0')}`, noise(`small${i}`, 100 + i * 20)]),
  ['/data/Ünï\n"code', Buffer.from('readable-secret-content '.repeat(10))],
]);

/** A sealed set of one source; with a parent: an increment of what is new. */
export async function sealSample(repository: Repository, pool: FramePool, setId: string, contents: ReadonlyMap<string, Uint8Array | undefined>, parentSetId?: string): Promise<IndexedEntry[]> {
  const puts = await packContents(repository, pool, contents);
  await sealChanges(repository, pool, setId, { removed: [], puts }, parentSetId);
  return puts;
}

/** The same of entries that were packed, and with removals. */
export async function sealChanges(repository: Repository, pool: FramePool, setId: string, changes: Omit<IndexInput, 'parent'>, parentSetId?: string): Promise<WrittenIndex> {
  const set = { cluster: 'c1', task: 'nightly', setId };
  const run = { runId: `run-${setId}`, recoveryPoint: '2026-01-01T00:00:00Z', productVersion: '0.1.0' };
  await beginSet(repository, { ...set, ...run });
  const parent = parentSetId === undefined ? undefined : (await readManifest(repository, parentSetId)).sources[0]!;
  const written = await writeIndex(repository, pool, { ...changes, ...(parent === undefined ? {} : { parent: parent.table }) });
  const { shardsNew, shardsReused: _, ...index } = written;
  const description = await writeSourceDescription(repository, set, 'hdfs', 'hacluster', { version: '3.5.0', inventory: {}, warnings: [], openKeys: [], handle: { name: 'h', takenAt: run.recoveryPoint, data: {} }, selection: null, incrementsSinceFull: 0 });
  await sealSet(repository, { ...set, ...run, partial: false, sources: [{ source: 'hdfs', instance: 'hacluster', kind: parent === undefined ? 'full' : 'incremental', recoveryPoint: run.recoveryPoint, parentSetId: parentSetId ?? null, ...index, storedBytes: 0, packsNew: shardsNew, description }] });
  return written;
}

/** A sealed set with these contents, as an increment that is laid over all of its parent: an entry is another one, and one is gone. No byte of a pack is only of what is gone. */
export async function sealOverSample(repository: Repository, pool: FramePool, setId: string, contents: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> {
  await sealSample(repository, pool, `${setId}-parent`, new Map([...contents, ['/data/gone', undefined], ['/data/zeros', undefined]]));
  const puts = await packContents(repository, pool, new Map([['/data/zeros', contents.get('/data/zeros')]]));
  await sealChanges(repository, pool, setId, { removed: ['/data/gone'], puts }, `${setId}-parent`);
}
