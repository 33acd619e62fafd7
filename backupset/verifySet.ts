import { hash } from 'node:crypto';
import { Failure } from '../contracts/failure.ts';
import type { VerificationLevel } from '../contracts/run.ts';
import { asDamage } from './asDamage.ts';
import { begunKey } from './beginSet.ts';
import { checkPack } from './checkPack.ts';
import { DamageList, type Damage } from './damageList.ts';
import type { FramePool } from './framePool.ts';
import { inLanes } from './inLanes.ts';
import { readObject } from './jsonObject.ts';
import { descriptionKey, manifestKey, type SetRef } from './layout.ts';
import { lookAtPacks } from './lookAtPacks.ts';
import { packKey } from './packKey.ts';
import { PackSet } from './packSet.ts';
import type { Piece } from './piece.ts';
import { PieceTable, type EntryPlace } from './pieceTable.ts';
import { findSet, readManifestOf, type Manifest } from './readManifest.ts';
import type { Repository } from './repository.ts';
import { readDescription } from './sourceDescription.ts';
import { verifySource, type VerifiedSource } from './verifySource.ts';
import type { VouchedBefore } from './vouchedBefore.ts';

export interface VerifyResult {
  readonly setId: string;
  readonly level: VerificationLevel;
  /** Sets verified before, whose content was not looked at again. */
  readonly onTopOf?: readonly string[];
  /** How many packs the run itself had read back, so that they were not read again. */
  readonly readBackBefore?: number;
  readonly ok: boolean;
  readonly checkedObjects: number;
  readonly checkedBytes: number;
  readonly damage: readonly Damage[];
}

export interface VerifyOptions {
  readonly onProgress?: (done: { readonly checkedObjects: number; readonly checkedBytes: number }) => void;
  readonly signal?: AbortSignal;
  /** Packs in work at once. */
  readonly parallel?: number;
  /** What verified sets answer for: only what is not theirs is looked at. Without it the whole set is. */
  readonly vouched?: readonly VouchedBefore[];
  /** Packs that the run which stored them has read back and compared with their names. `stored` looks only whether they are there. */
  readonly readBack?: PackSet;
}

/** Pieces in memory at once; a set with more is gone through several times, by the first byte of the packs, so that each pack is read once. */
const mostPieces = 1_000_000;

/**
 * Checks a set against its manifest. `presence`: everything is there with its length; `stored`: and has the digest it is named by (neither needs the
 * key); `content`: and every frame opens, every piece has its digest, keys are in order, counts agree.
 * @param set its id, by which it is looked for, or which it is
 * @throws Failure E_SET_NOT_FOUND; E_KEY when `content` is asked of a repository opened without its key. Damage is a result, not an error.
 */
export async function verifySet(repository: Repository, pool: FramePool, set: string | SetRef, level: VerificationLevel, options: VerifyOptions = {}): Promise<VerifyResult> {
  if (repository.keyless && level === 'content') throw new Failure('E_KEY', 'the content of an encrypted repository cannot be verified without its key');
  return await new Verification(repository, pool, level, options).run(typeof set === 'string' ? await findSet(repository, set) : set);
}

class Verification {
  readonly #repository: Repository;
  readonly #pool: FramePool;
  readonly #level: VerificationLevel;
  readonly #options: VerifyOptions;
  readonly #damage = new DamageList();
  readonly #packs = new PackSet();
  /** Those whose index can be read. */
  readonly #sources: VerifiedSource[] = [];
  readonly #onTopOf = new Set<string>();
  #readBackBefore = 0;
  #pieces = 0;
  /** All pieces, unless there are too many to be kept at once. */
  #table: PieceTable | undefined = new PieceTable();
  #objects = 0;
  #bytes = 0;

  constructor(repository: Repository, pool: FramePool, level: VerificationLevel, options: VerifyOptions) {
    this.#repository = repository;
    this.#pool = pool;
    this.#level = level;
    this.#options = options;
  }

  async run(set: SetRef): Promise<VerifyResult> {
    const key = manifestKey(set);
    const manifest = await asDamage(this.#damage, key, 'manifest', async () => await readManifestOf(this.#repository, set));
    if (manifest !== undefined) {
      this.#count(0);
      await this.#checkNamed(begunKey(set), manifest.begun);
      for (const part of manifest.sources) await this.#checkSource(manifest, part);
      this.#checkTotals(key, manifest);
      await this.#checkPacks();
    }
    const damage = this.#damage.all();
    return { setId: set.setId, level: this.#level, ...(this.#onTopOf.size === 0 ? {} : { onTopOf: [...this.#onTopOf] }), ...(this.#readBackBefore === 0 ? {} : { readBackBefore: this.#readBackBefore }), ok: damage.length === 0, checkedObjects: this.#objects, checkedBytes: this.#bytes, damage };
  }

  #count(bytes: number): void {
    this.#objects += 1;
    this.#bytes += bytes;
    this.#options.onProgress?.({ checkedObjects: this.#objects, checkedBytes: this.#bytes });
    this.#options.signal?.throwIfAborted();
  }

  async #checkNamed(key: string, expected: { readonly digest: string; readonly length: number }): Promise<void> {
    await asDamage(this.#damage, key, 'digest', async () => {
      const bytes = await readObject(this.#repository.session, key, Math.min(expected.length, 64 << 20), this.#options.signal);
      this.#count(bytes.length);
      if (bytes.length !== expected.length) this.#damage.add(key, 'length');
      else if (hash('sha256', bytes) !== expected.digest) this.#damage.add(key, 'digest');
    });
  }

  async #checkSource(manifest: Manifest, part: Manifest['sources'][number]): Promise<void> {
    const description = descriptionKey(manifest, part.source, part.instance);
    await this.#checkNamed(description, part.description);
    if (this.#level === 'content' && !this.#damage.has(description)) await asDamage(this.#damage, description, 'frame', async () => await readDescription(this.#repository, manifest, part));
    const source = this.#sources.length;
    const verified = await verifySource({
      repository: this.#repository, pool: this.#pool, level: this.#level, signal: this.#options.signal, damage: this.#damage, packs: this.#packs,
      count: (bytes) => this.#count(bytes), pieces: (pieces, place) => this.#keep(pieces, { ...place, source }),
    }, part, this.#options.vouched?.find((each) => each.source === part.source && each.instance === part.instance));
    if (verified?.onTopOf !== undefined) this.#onTopOf.add(verified.onTopOf);
    if (verified?.isReadable === true) this.#sources.push(verified);
  }

  /** Keeps pieces for the packs to be checked, as long as there are few enough. */
  #keep(pieces: readonly Piece[], place: EntryPlace): void {
    this.#pieces += pieces.length;
    if (this.#pieces > mostPieces) this.#table = undefined;
    for (const piece of pieces) {
      this.#table?.add(piece, place);
      this.#packs.add(piece.pack, piece.packLength);
    }
  }

  #checkTotals(key: string, manifest: Manifest): void {
    for (const name of ['entries', 'files', 'bytes', 'storedBytes', 'gaps'] as const) {
      if (manifest.sources.reduce((sum, each) => sum + each[name], 0) !== manifest.totals[name]) this.#damage.add(key, 'count');
    }
  }

  async #checkPacks(): Promise<void> {
    if (this.#level === 'content') return await this.#checkContent();
    this.#readBackBefore = await this.#lookAt(this.#packs, this.#level);
    await this.#nameHit();
  }

  async #lookAt(packs: PackSet, level: 'presence' | 'stored'): Promise<number> {
    const { readBack, parallel = 3, signal } = this.#options;
    return await lookAtPacks(this.#repository, this.#pool, packs, level, { readBack: this.#level === 'stored' ? readBack : undefined, parallel, signal, onPack: (digest, wrong, read) => {
      if (wrong !== undefined) this.#damage.add(packKey(digest), wrong);
      this.#count(read);
    } });
  }

  /** Entries of packs that are bad, where the index can be read. */
  async #nameHit(): Promise<void> {
    if (!this.#damage.all().some((each) => each.object.startsWith('packs/'))) return;
    for (const source of this.#sources) {
      for await (const { entry } of source.entries(false)) {
        for (const key of new Set(entry.pieces?.map((piece) => packKey(piece.pack)))) {
          if (this.#damage.has(key) && this.#damage.hit(key)) this.#damage.name(key, `${source.name}:${entry.key}`);
        }
      }
    }
  }

  async #checkContent(): Promise<void> {
    const passes = this.#table !== undefined ? 1 : Math.min(256, Math.max(1, Math.ceil(this.#pieces / mostPieces)));
    for (let pass = 0; pass < passes; pass++) {
      const from = Math.floor((256 * pass) / passes);
      const to = Math.floor((256 * (pass + 1)) / passes);
      const table = this.#table ?? (await this.#piecesOf(from, to));
      const lengths = new Map<string, number>();
      for (let byte = from; byte < to; byte++) for (const { digest, length } of this.#packs.of(byte)) lengths.set(digest, length);
      const hit: { readonly object: string; readonly place: EntryPlace }[] = [];
      await inLanes(table.byPack(), this.#options.parallel ?? 3, async ({ pack, pieces }) => {
        const key = packKey(pack);
        const { wrong, read, hit: places } = await checkPack(this.#repository, this.#pool, { digest: pack, length: lengths.get(pack)! }, pieces, this.#options.signal);
        lengths.delete(pack);
        if (wrong !== undefined) this.#damage.add(key, wrong);
        for (const place of places) {
          this.#damage.add(key, 'frame');
          if (this.#damage.hit(key)) hit.push({ object: key, place });
        }
        this.#count(read);
      });
      // What a shard's table names and no entry uses.
      const unused = new PackSet();
      for (const [digest, length] of lengths) unused.add(digest, length);
      await this.#lookAt(unused, 'stored');
      await this.#nameAll(hit);
    }
  }

  async #piecesOf(from: number, to: number): Promise<PieceTable> {
    const table = new PieceTable();
    for (const [source, verified] of this.#sources.entries()) {
      for await (const { entry, ...place } of verified.entries(true)) {
        for (const piece of await verified.piecesToCheck(entry)) {
          const byte = Number.parseInt(piece.pack.slice(0, 2), 16);
          if (byte >= from && byte < to) table.add(piece, { ...place, source });
        }
      }
    }
    return table;
  }

  async #nameAll(hit: { readonly object: string; readonly place: EntryPlace }[]): Promise<void> {
    hit.sort((a, b) => a.place.source - b.place.source || a.place.shard - b.place.shard);
    let kept: { readonly source: number; readonly shard: number; readonly keys: readonly string[] } | undefined;
    for (const { object, place } of hit) {
      const verified = this.#sources[place.source]!;
      if (kept?.source !== place.source || kept.shard !== place.shard) kept = { source: place.source, shard: place.shard, keys: await verified.keys(place.shard) };
      this.#damage.name(object, `${verified.name}:${kept.keys[place.line]!}`);
    }
  }
}
