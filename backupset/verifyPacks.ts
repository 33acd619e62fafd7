import { createHash } from 'node:crypto';
import { Failure } from '../contracts/failure.ts';
import { freeOwnBuffer } from '../storage/freeOwnBuffer.ts';
import type { DamageKind } from './damageList.ts';
import type { FramePool } from './framePool.ts';
import { frameHeaderBytes, readFrameHeader } from './frame.ts';
import { packKey } from './packKey.ts';
import type { PackSet } from './packSet.ts';
import type { Piece } from './piece.ts';
import type { EntryPlace } from './pieceTable.ts';
import { fetchRange, readPiece } from './readContent.ts';
import type { Repository } from './repository.ts';

/** Packs up to this size are read once and kept; of larger ones the pieces are fetched again. */
const keptBytes = 128 << 20;
const fewPacks = 8;

/** Whether the packs of one folder are there with their lengths: asked one by one when they are few, listed otherwise. */
export async function* checkPresence(repository: Repository, packs: PackSet, firstByte: number, signal?: AbortSignal): AsyncGenerator<{ readonly digest: string; readonly wrong: DamageKind | undefined }> {
  if (packs.count(firstByte) <= fewPacks) {
    for (const { digest, length } of packs.of(firstByte)) {
      const there = await repository.session.stat(packKey(digest), signal);
      yield { digest, wrong: there === undefined ? 'missing' : there.length === length ? undefined : 'length' };
    }
    return;
  }
  const listed = repository.session.list(`packs/${firstByte.toString(16).padStart(2, '0')}/`, signal)[Symbol.asyncIterator]();
  let next = await listed.next();
  for (const { digest, length } of packs.of(firstByte)) {
    const key = packKey(digest);
    while (next.done !== true && next.value.key < key) next = await listed.next();
    // A listing may lag behind what was stored; a pack that it does not show is asked for before it is called missing.
    const there = next.done !== true && next.value.key === key ? next.value : await repository.session.stat(key, signal);
    yield { digest, wrong: there === undefined ? 'missing' : there.length === length ? undefined : 'length' };
  }
  await listed.return?.();
}

/** Reads a pack and compares it with its name. `bytes`: the pack itself, when asked for and not too large. */
export async function checkStored(repository: Repository, digest: string, length: number, keep: boolean, signal?: AbortSignal): Promise<{ readonly wrong: DamageKind | undefined; readonly bytes: Buffer | undefined; readonly read: number }> {
  const hash = createHash('sha256');
  const parts: Uint8Array[] = [];
  let read = 0;
  try {
    for await (const part of repository.session.get(packKey(digest), undefined, signal)) {
      hash.update(part);
      read += part.length;
      if (keep && read <= keptBytes) parts.push(part);
      else freeOwnBuffer(part);
    }
  } catch (error) {
    if (error instanceof Failure && error.code === 'E_OBJECT_NOT_FOUND') return { wrong: 'missing', bytes: undefined, read };
    if (error instanceof Failure && error.code === 'E_CORRUPT') return { wrong: 'length', bytes: undefined, read };
    throw error;
  }
  const wrong = read !== length ? 'length' : hash.digest('hex') === digest ? undefined : 'digest';
  return { wrong, bytes: keep && read <= keptBytes ? Buffer.concat(parts) : undefined, read };
}

/** Opens the pieces of a pack and yields the places of entries that are hit. */
export async function* checkPieces(repository: Repository, pool: FramePool, bytes: Buffer | undefined, pieces: readonly { readonly piece: Piece; readonly place: EntryPlace }[], signal?: AbortSignal): AsyncGenerator<EntryPlace> {
  for (let i = 0; i < pieces.length;) {
    const { frameOffset, storedLength } = pieces[i]!.piece;
    let end = i + 1;
    while (end < pieces.length && pieces[end]!.piece.frameOffset === frameOffset && pieces[end]!.piece.storedLength === storedLength) end++;
    const group = pieces.slice(i, end);
    i = end;
    signal?.throwIfAborted();
    // Small pieces share their frames, which are then opened once.
    const shared = group.length > 1 && group.every(({ piece }) => piece.length <= repository.chunkBytes) ? await collect(framesOf(repository, pool, bytes, group[0]!.piece, signal)) : undefined;
    let before: { piece: Piece; isRight: boolean } | undefined;
    for (const { piece, place } of group) {
      const isKnown = before !== undefined && before.piece.digest === piece.digest && before.piece.skip === piece.skip && before.piece.length === piece.length;
      const isRight = isKnown ? before!.isRight : shared === 'damaged' ? false : await opens(piece, shared === undefined ? framesOf(repository, pool, bytes, piece, signal) : replay(shared), repository.chunkBytes);
      before = { piece, isRight };
      if (!isRight) yield place;
    }
  }
}

type Opened = { readonly raw: Uint8Array; readonly rawDigest: string; readonly storedLength: number };

async function* framesOf(repository: Repository, pool: FramePool, bytes: Buffer | undefined, piece: Piece, signal?: AbortSignal): AsyncGenerator<Opened> {
  const end = piece.frameOffset + piece.storedLength;
  const ahead: Promise<Opened>[] = [];
  for (let at = piece.frameOffset; at < end;) {
    const take = async (from: number, to: number): Promise<Buffer> => {
      if (bytes === undefined) return await fetchRange(repository, piece.pack, from, to, signal);
      if (to > bytes.length) throw new Failure('E_CORRUPT', `${packKey(piece.pack)} ends before ${to}`);
      return bytes.subarray(from, to);
    };
    if (at + frameHeaderBytes > end) throw new Failure('E_CORRUPT', `${packKey(piece.pack)}: a frame ends behind its piece`);
    const length = frameHeaderBytes + readFrameHeader(await take(at, at + frameHeaderBytes)).storedLength;
    if (at + length > end) throw new Failure('E_CORRUPT', `${packKey(piece.pack)}: a frame ends behind its piece`);
    const opening = pool.open(await take(at, at + length), repository.keys).then((opened) => ({ ...opened, storedLength: length }));
    opening.catch(() => undefined);
    ahead.push(opening);
    if (ahead.length > 2) yield await ahead.shift()!;
    at += length;
  }
  for (const each of ahead) yield await each;
}

async function opens(piece: Piece, frames: AsyncGenerator<Opened>, chunkBytes: number): Promise<boolean> {
  try {
    for await (const _ of readPiece(piece, frames, chunkBytes));
    return true;
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  }
}

async function collect(frames: AsyncGenerator<Opened>): Promise<Opened[] | 'damaged'> {
  try {
    return await Array.fromAsync(frames);
  } catch (error) {
    if (isDamage(error)) return 'damaged';
    throw error;
  }
}

async function* replay(frames: readonly Opened[]): AsyncGenerator<Opened> {
  yield* frames;
}

function isDamage(error: unknown): boolean {
  return error instanceof Failure && (error.code === 'E_CORRUPT' || error.code === 'E_OBJECT_NOT_FOUND' || error.code === 'E_FORMAT');
}
