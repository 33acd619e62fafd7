import { hash } from 'node:crypto';
import { compareKeys } from '../contracts/compareKeys.ts';
import { Failure } from '../contracts/failure.ts';
import type { VerificationLevel } from '../contracts/run.ts';
import { begunKey } from './beginSet.ts';
import { DamageList, type Damage, type DamageKind } from './damageList.ts';
import { countEntry, countNames, noEntries, type EntryCounts } from './entryCounts.ts';
import type { FramePool } from './framePool.ts';
import { readShardPacks, readTable, rootOf } from './indexFormat.ts';
import { readObject } from './jsonObject.ts';
import { inLanes } from './inLanes.ts';
import { descriptionKey, manifestKey, type SetRef } from './layout.ts';
import { orderedMap } from './orderedMap.ts';
import { indexKey, packKey } from './packKey.ts';
import { PackSet } from './packSet.ts';
import type { IndexedEntry, Piece } from './piece.ts';
import { PieceTable, type EntryPlace } from './pieceTable.ts';
import { openIndex, type LoadedShard, type SourceIndex } from './readIndex.ts';
import { findSet, readManifestOf, type Manifest } from './readManifest.ts';
import { readDescription } from './sourceDescription.ts';
import type { Repository } from './repository.ts';
import { lookAtPacks } from './lookAtPacks.ts';
import { checkPack } from './checkPack.ts';
import type { VouchedBefore } from './vouchedBefore.ts';
import { VouchedPart } from './vouchedPart.ts';

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
const shardsAtOnce = 8;

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
  readonly #indexes: { readonly name: string; readonly index: SourceIndex; readonly vouched: VouchedPart | undefined }[] = [];
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
    const manifest = await this.#guarded(key, 'manifest', async () => await readManifestOf(this.#repository, set));
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

  /** Turns an error that means damage into an item of the list. */
  async #guarded<T>(object: string, kind: DamageKind, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Failure) || !['E_CORRUPT', 'E_OBJECT_NOT_FOUND', 'E_FORMAT'].includes(error.code)) throw error;
      const said = error.details['kind'];
      this.#damage.add(object, error.code === 'E_OBJECT_NOT_FOUND' ? 'missing' : typeof said === 'string' && ['length', 'digest', 'foreign', 'manifest'].includes(said) ? said as DamageKind : kind);
      return undefined;
    }
  }

  async #checkNamed(key: string, expected: { readonly digest: string; readonly length: number }): Promise<void> {
    await this.#guarded(key, 'digest', async () => {
      const bytes = await readObject(this.#repository.session, key, Math.min(expected.length, 64 << 20), this.#options.signal);
      this.#count(bytes.length);
      if (bytes.length !== expected.length) this.#damage.add(key, 'length');
      else if (hash('sha256', bytes) !== expected.digest) this.#damage.add(key, 'digest');
    });
  }

  async #checkSource(manifest: Manifest, part: Manifest['sources'][number]): Promise<void> {
    const description = descriptionKey(manifest, part.source, part.instance);
    await this.#checkNamed(description, part.description);
    if (this.#level === 'content' && !this.#damage.has(description)) await this.#guarded(description, 'frame', async () => await readDescription(this.#repository, manifest, part));
    const tableKey = indexKey(part.table.digest);
    const table = await this.#guarded(tableKey, 'index', async () => await readTable(this.#repository, this.#pool, part.table, this.#options.signal));
    if (table === undefined) {
      // Nothing of the source can be found without it.
      this.#damage.hit(tableKey, part.entries);
      this.#damage.name(tableKey, `${part.source}@${part.instance}: all entries`);
      return;
    }
    this.#count(part.table.length);
    if (rootOf(table.shards.map(([digest]) => digest)) !== part.root) this.#damage.add(tableKey, 'index');
    const source = this.#indexes.length;
    const before = this.#options.vouched?.find((each) => each.source === part.source && each.instance === part.instance);
    const vouched = before === undefined ? undefined : await VouchedPart.open(this.#repository, this.#pool, before.table, table.shards, this.#level === 'content', this.#options.signal);
    if (vouched !== undefined) this.#onTopOf.add(before!.setId);
    if (table.summaries !== undefined) this.#indexes.push({ name: `${part.source}@${part.instance}`, index: await openIndex(this.#repository, this.#pool, part.table), vouched });
    const counted = noEntries();
    let last: string | undefined;
    const load = async (position: number, digest: string, length: number): Promise<Partial<LoadedShard> & Pick<LoadedShard, 'packs'> | undefined> => await this.#guarded(indexKey(digest), 'index', async () => {
      const whole = this.#level !== 'content' ? undefined : await this.#guarded(indexKey(digest), 'index', async () => await this.#indexes[source]!.index.loadWhole(position, this.#options.signal));
      return whole ?? { packs: await readShardPacks(this.#repository, this.#pool, { digest, length }, this.#options.signal) };
    });
    const shards = orderedMap(table.shards.entries(), shardsAtOnce, async ([position, [digest, length]]) => (vouched?.hasShard(digest) === true ? { position, digest, isVouched: true } as const : { position, digest, length, isVouched: false, shard: await load(position, digest, length) } as const));
    for await (const { position, digest, ...looked } of shards) {
      const key = indexKey(digest);
      const summary = table.summaries?.[position];
      if (!looked.isVouched) this.#count(looked.length);
      const shard = looked.isVouched ? undefined : looked.shard;
      if (looked.isVouched) {
        // Looked at when the set before was verified.
      } else if (shard === undefined) {
        if (summary === undefined) continue;
        this.#damage.hit(key, summary.entries);
        this.#damage.name(key, `${part.source}@${part.instance}:${summary.first}`);
        this.#damage.name(key, `${part.source}@${part.instance}:${summary.last}`);
      } else {
        for (const [pack, packLength] of shard.packs) if (vouched?.hasPack(pack) !== true) this.#packs.add(pack, packLength);
      }
      if (summary === undefined) continue;
      if (last !== undefined && compareKeys(last, summary.first) >= 0) this.#damage.add(tableKey, 'index');
      last = summary.last;
      if (shard?.entries !== undefined && !(await this.#countsAgree(shard.entries, summary, { source, shard: position }))) this.#damage.add(key, 'count');
      for (const name of countNames) counted[name] += summary[name];
    }
    if (table.summaries !== undefined && countNames.some((name) => counted[name] !== part[name])) this.#damage.add(tableKey, 'count');
  }

  /** Whether a shard holds as much as its table says; keeps its pieces for the packs to be checked, as long as there are few enough. */
  async #countsAgree(entries: LoadedShard['entries'], summary: Readonly<EntryCounts>, place: { readonly source: number; readonly shard: number }): Promise<boolean> {
    const sum = noEntries();
    for (const [line, entry] of entries.entries()) {
      countEntry(sum, entry);
      const pieces = await this.#piecesToCheck(place.source, entry);
      this.#pieces += pieces.length;
      if (this.#pieces > mostPieces) this.#table = undefined;
      for (const piece of pieces) {
        this.#table?.add(piece, { ...place, line });
        this.#packs.add(piece.pack, piece.packLength);
      }
    }
    return countNames.every((name) => sum[name] === summary[name]);
  }

  /** None where a verified set has the entry with the same pieces. */
  async #piecesToCheck(source: number, entry: IndexedEntry): Promise<readonly Piece[]> {
    const vouched = this.#indexes[source]!.vouched;
    return entry.pieces === undefined || (vouched !== undefined && (await vouched.hasPieces(entry))) ? [] : entry.pieces;
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
    for (const { name, index } of this.#indexes) {
      for (let shard = 0; shard < index.shards().length; shard++) {
        if (this.#damage.has(indexKey(index.shards()[shard]!.digest))) continue;
        for (const entry of await index.load(shard, this.#options.signal)) {
          for (const key of new Set(entry.pieces?.map((piece) => packKey(piece.pack)))) {
            if (this.#damage.has(key) && this.#damage.hit(key)) this.#damage.name(key, `${name}:${entry.key}`);
          }
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
    for (const [source, { index, vouched }] of this.#indexes.entries()) {
      for (const [shard, { digest }] of index.shards().entries()) {
        if (this.#damage.has(indexKey(digest)) || vouched?.hasShard(digest) === true) continue;
        for (const [line, entry] of (await index.load(shard, this.#options.signal)).entries()) {
          for (const piece of await this.#piecesToCheck(source, entry)) {
            const byte = Number.parseInt(piece.pack.slice(0, 2), 16);
            if (byte >= from && byte < to) table.add(piece, { source, shard, line });
          }
        }
      }
    }
    return table;
  }

  async #nameAll(hit: { readonly object: string; readonly place: EntryPlace }[]): Promise<void> {
    hit.sort((a, b) => a.place.source - b.place.source || a.place.shard - b.place.shard);
    let kept: { readonly source: number; readonly shard: number; readonly keys: string[] } | undefined;
    for (const { object, place } of hit) {
      const { name, index } = this.#indexes[place.source]!;
      if (kept?.source !== place.source || kept.shard !== place.shard) kept = { source: place.source, shard: place.shard, keys: (await index.load(place.shard)).map((each) => each.key) };
      this.#damage.name(object, `${name}:${kept.keys[place.line]!}`);
    }
  }
}
