import { Failure } from '../contracts/failure.ts';
import { beginSet } from './beginSet.ts';
import { compareObject } from './compareObject.ts';
import type { FramePool } from './framePool.ts';
import { inLanes } from './inLanes.ts';
import { readShardPacks, readTable, type ShardKind, type TableRef } from './indexFormat.ts';
import { descriptionKey, type SetRef } from './layout.ts';
import { indexKey, packKey } from './packKey.ts';
import { PackSet } from './packSet.ts';
import { readManifestOf, type Manifest } from './readManifest.ts';
import type { Repository } from './repository.ts';
import { sealSet } from './sealSet.ts';
import { verifySet, type VerifyResult } from './verifySet.ts';

/** What the copy of a set consists of: manifest and what is the repository's own are made anew and not counted. */
export interface SetCopy {
  readonly objects: number;
  readonly bytes: number;
  /** Of these, what was not there yet, or not whole. */
  readonly copiedObjects: number;
  readonly copiedBytes: number;
}

export interface CopySetOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: SetCopy) => void;
  /** Objects on their way at once. */
  readonly parallel?: number;
}

interface NamedObject {
  readonly key: string;
  readonly ref: TableRef;
}

interface SetObjects {
  readonly packs: PackSet;
  readonly index: readonly NamedObject[];
  readonly descriptions: readonly NamedObject[];
}

/**
 * Brings a sealed set into another repository, byte for byte. What is there already is not sent again, so a copy that was interrupted goes on when it is started again.
 * Everything is read back there, and compared, before the manifest is written: as of a run, nothing is a set before that.
 * @returns what was copied, and the verification of the copy (`stored`)
 * @throws Failure E_UNSUPPORTED between repositories with keys, or with chunks of another size; E_SET_NOT_FOUND; E_CORRUPT when something of the set is damaged where it comes from
 */
export async function copySet(from: Repository, to: Repository, pool: FramePool, set: SetRef, options: CopySetOptions = {}): Promise<{ readonly copy: SetCopy; readonly verified: VerifyResult }> {
  const { signal, parallel = 4 } = options;
  assertCopyable(from, to);
  const manifest = await readManifestOf(from, set);
  const { packs, index, descriptions } = await objectsOf(from, pool, manifest, signal);
  let done: SetCopy = { objects: 0, bytes: 0, copiedObjects: 0, copiedBytes: 0 };
  const bring = async (key: string, { digest, length }: TableRef): Promise<void> => {
    signal?.throwIfAborted();
    const isThere = async (): Promise<boolean> => (await compareObject(to, pool, key, { digest, length }, signal)).wrong === undefined;
    const isNew = !((await to.session.stat(key, signal))?.length === length && (await isThere()));
    if (isNew) {
      await to.session.put(key, from.session.get(key, undefined, signal), { length, sha256: digest }, signal).catch((cause: unknown) => {
        if (!(cause instanceof Failure) || !['E_CORRUPT', 'E_OBJECT_NOT_FOUND'].includes(cause.code)) throw cause;
        throw new Failure('E_CORRUPT', `${key} is missing or damaged where the set comes from; no set was made of what was copied`, { hint: `mrs-backup set verify ${set.setId} --level content names everything that is hit; copy it from another destination`, cause });
      });
      if (!(await isThere())) throw new Failure('E_DESTINATION_UNREACHABLE', `${key} came back different from what was stored`, { hint: 'something between here and the destination damages data' });
    }
    done = { objects: done.objects + 1, bytes: done.bytes + length, copiedObjects: done.copiedObjects + (isNew ? 1 : 0), copiedBytes: done.copiedBytes + (isNew ? length : 0) };
    options.onProgress?.(done);
  };
  const bringAll = async (objects: readonly NamedObject[]): Promise<void> => await inLanes(objects, parallel, ({ key, ref }) => bring(key, ref));
  await inLanes(packs.all(), parallel, ({ digest, length }) => bring(packKey(digest), { digest, length }));
  await bringAll(index);
  // The set's own folder comes last: one without a manifest is taken for the leftover of a dead run.
  const { runId, recoveryPoint, productVersion, partial, sources } = manifest;
  await beginSet(to, { ...set, runId, recoveryPoint, productVersion });
  await bringAll(descriptions);
  await sealSet(to, { ...set, runId, recoveryPoint, productVersion, partial, sources });
  const verified = await verifySet(to, pool, set, 'stored', { readBack: packs, ...(signal === undefined ? {} : { signal }) });
  return { copy: done, verified };
}

/**
 * What `copySet` would bring, by presence and length alone; nothing is written.
 * @param to `undefined`: a repository that is still to be made
 * @throws Failure as `copySet`
 */
export async function planCopy(from: Repository, to: Repository | undefined, pool: FramePool, set: SetRef, signal?: AbortSignal): Promise<SetCopy> {
  assertCopyable(from, to);
  const manifest = await readManifestOf(from, set);
  const { packs, index, descriptions } = await objectsOf(from, pool, manifest, signal);
  const plan = { objects: 0, bytes: 0, copiedObjects: 0, copiedBytes: 0 };
  const look = async (key: string, length: number): Promise<void> => {
    const isNew = (await to?.session.stat(key, signal))?.length !== length;
    plan.objects += 1;
    plan.bytes += length;
    plan.copiedObjects += isNew ? 1 : 0;
    plan.copiedBytes += isNew ? length : 0;
  };
  await inLanes(packs.all(), 4, ({ digest, length }) => look(packKey(digest), length));
  await inLanes([...index, ...descriptions], 4, ({ key, ref }) => look(key, ref.length));
  return plan;
}

/** @throws Failure E_UNSUPPORTED where one of the repositories is encrypted */
export function assertPlain(...encrypted: readonly boolean[]): void {
  if (!encrypted.includes(true)) return;
  throw new Failure('E_UNSUPPORTED', 'a set of an encrypted repository cannot be copied, nor any set into one: each repository has a key of its own', { hint: 'the next run of the task brings the other destination up to date' });
}

function assertCopyable(from: Repository, to: Repository | undefined): void {
  if (from.id === to?.id) throw new Failure('E_USAGE', 'a set is copied into another repository, not into its own');
  assertPlain(from.keys !== undefined || from.keyless === true, to?.keys !== undefined);
  if (to !== undefined && from.chunkBytes !== to.chunkBytes) throw new Failure('E_UNSUPPORTED', `the repositories cut content differently: into ${from.chunkBytes} and ${to.chunkBytes} bytes`, { hint: 'the next run of the task brings the other destination up to date' });
}

async function objectsOf(from: Repository, pool: FramePool, manifest: Manifest, signal: AbortSignal | undefined): Promise<SetObjects> {
  const packs = new PackSet();
  const index = new Map<string, TableRef>();
  const descriptions: NamedObject[] = [];
  for (const part of manifest.sources) {
    const table = await readTable(from, pool, part.table, signal);
    const shards: readonly { readonly ref: TableRef; readonly kind: ShardKind }[] = [...table.shards.map((ref) => ({ ref, kind: 'shard' as const })), ...table.overlay.map((ref) => ({ ref, kind: 'overlay' as const }))];
    await inLanes(shards, 8, async ({ ref, kind }) => {
      for (const [digest, length] of await readShardPacks(from, pool, ref, kind, signal)) packs.add(digest, length);
      index.set(indexKey(ref.digest), ref);
    });
    index.set(indexKey(part.table.digest), part.table);
    descriptions.push({ key: descriptionKey(manifest, part.source, part.instance), ref: part.description });
  }
  return { packs, index: [...index].map(([key, ref]) => ({ key, ref })), descriptions };
}
