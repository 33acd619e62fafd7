import { isDeepStrictEqual } from 'node:util';
import { compareKeys } from '../contracts/compareKeys.ts';
import type { VerificationLevel } from '../contracts/run.ts';
import { asDamage } from './asDamage.ts';
import type { DamageList } from './damageList.ts';
import { countEntry, countNames, noEntries, type Counted, type EntryCounts } from './entryCounts.ts';
import { parseEntry } from './entryLine.ts';
import type { FramePool } from './framePool.ts';
import { readShardPacks, readTable, rootOf, type ShardKind, type Table, type TableRef } from './indexFormat.ts';
import { orderedMap } from './orderedMap.ts';
import { beneathOf, type OverlayLine } from './overlayLine.ts';
import { indexKey } from './packKey.ts';
import type { PackSet } from './packSet.ts';
import type { IndexedEntry, Piece } from './piece.ts';
import type { EntryPlace } from './pieceTable.ts';
import { openIndex, type LoadedOverlay, type LoadedShard, type SourceIndex } from './readIndex.ts';
import type { Manifest } from './readManifest.ts';
import type { Repository } from './repository.ts';
import { ShardCache } from './shardCache.ts';
import { overlayForm } from './shardForm.ts';
import type { VouchedBefore } from './vouchedBefore.ts';
import { VouchedPart } from './vouchedPart.ts';

const shardsAtOnce = 8;

/** The verification that a source is part of. */
export interface SourceVerification {
  readonly repository: Repository;
  readonly pool: FramePool;
  readonly level: VerificationLevel;
  readonly signal: AbortSignal | undefined;
  readonly damage: DamageList;
  /** Packs that are to be looked at. */
  readonly packs: PackSet;
  /** An object was looked at. */
  readonly count: (bytes: number) => void;
  /** Pieces that are to be looked at. Places count overlay shards behind those of the base. */
  readonly pieces: (pieces: readonly Piece[], place: Omit<EntryPlace, 'source'>) => void;
}

/** The index of a source that was looked at, for what else is to be known of it. */
export interface VerifiedSource {
  readonly name: string;
  /** The verified set whose part was not looked at again. */
  readonly onTopOf: string | undefined;
  /** Whether there is the key to read it; without it nothing that follows can be asked. */
  readonly isReadable: boolean;
  /** Entries of the set in shards that are whole, with their places; `unvouched`: only those that may have pieces to be looked at. */
  entries(unvouched: boolean): AsyncIterable<{ readonly entry: IndexedEntry; readonly shard: number; readonly line: number }>;
  /** Those pieces of an entry that no verified set answers for. */
  piecesToCheck(entry: IndexedEntry): Promise<readonly Piece[]>;
  /** Keys of the lines of a shard. */
  keys(shard: number): Promise<readonly string[]>;
}

/**
 * Looks at the table and the shards of a source and says what packs and pieces they lead to.
 * @returns `undefined` where the table is damaged
 */
export async function verifySource(verification: SourceVerification, part: Manifest['sources'][number], before: VouchedBefore | undefined): Promise<VerifiedSource | undefined> {
  const { repository, pool, level, signal, damage } = verification;
  const name = `${part.source}@${part.instance}`;
  const tableKey = indexKey(part.table.digest);
  const table = await asDamage(damage, tableKey, 'index', async () => await readTable(repository, pool, part.table, signal));
  if (table === undefined) {
    // Nothing of the source can be found without it.
    damage.hit(tableKey, part.entries);
    damage.name(tableKey, `${name}: all entries`);
    return undefined;
  }
  verification.count(part.table.length);
  if (rootOf([...table.shards, ...table.overlay].map(({ digest }) => digest)) !== part.root) damage.add(tableKey, 'index');
  const cache = new ShardCache(repository, pool);
  const vouched = before === undefined ? undefined : await VouchedPart.open(repository, pool, before.table, table, cache, level === 'content', signal);
  const index = table.summaries === undefined ? undefined : await openIndex(repository, pool, part.table, cache);
  const source = new SourceCheck(verification, name, tableKey, table, index, vouched, vouched === undefined ? undefined : before!.setId);
  // The overlay first: what of it is damaged is then known by name.
  await source.checkOverlay();
  await source.checkBase();
  if (index !== undefined && countNames.some((each) => source.counted[each] !== part[each])) damage.add(tableKey, 'count');
  return source;
}

class SourceCheck implements VerifiedSource {
  readonly name: string;
  readonly onTopOf: string | undefined;
  /** As the table says. */
  readonly counted = noEntries();
  readonly #to: SourceVerification;
  readonly #tableKey: string;
  readonly #table: Table;
  readonly #index: SourceIndex | undefined;
  readonly #vouched: VouchedPart | undefined;

  constructor(to: SourceVerification, name: string, tableKey: string, table: Table, index: SourceIndex | undefined, vouched: VouchedPart | undefined, onTopOf: string | undefined) {
    this.#to = to;
    this.name = name;
    this.#tableKey = tableKey;
    this.#table = table;
    this.#index = index;
    this.#vouched = vouched;
    this.onTopOf = onTopOf;
  }

  get isReadable(): boolean {
    return this.#index !== undefined;
  }

  async checkBase(): Promise<void> {
    const { level, signal } = this.#to;
    const index = this.#index;
    const looked = this.#look('shard', this.#table.shards, level === 'content' && index !== undefined ? async (position) => await index.loadShard(position, signal) : undefined);
    for await (const { position, key, shard } of looked) {
      const summary = this.#table.summaries?.shards[position];
      if (summary === undefined) continue;
      for (const name of countNames) this.counted[name] += summary[name];
      if (shard === undefined || !('entries' in shard)) continue;
      const over = new Map((await this.#over(position)).map((line) => [line.key, line]));
      const sum = noEntries();
      for (const [line, entry] of shard.entries.entries()) {
        countEntry(sum, entry);
        const above = over.get(entry.key);
        if (above === undefined) this.#to.pieces(await this.piecesToCheck(entry), { shard: position, line });
        else this.#checkBeneath(above, entry);
        over.delete(entry.key);
      }
      for (const above of over.values()) this.#checkBeneath(above, undefined);
      if (!isSameCounts(sum, summary)) this.#to.damage.add(key, 'count');
    }
  }

  async checkOverlay(): Promise<void> {
    const { level, signal, packs } = this.#to;
    const index = this.#index;
    const areLinesWanted = index !== undefined && (level === 'content' || this.#vouched !== undefined);
    for await (const { position, key, shard } of this.#look('overlay', this.#table.overlay, areLinesWanted ? async (at) => await index.loadOverlay(at, signal) : undefined)) {
      const summary = this.#table.summaries?.overlay[position];
      if (summary === undefined) continue;
      for (const name of countNames) this.counted[name] += summary.live[name] - summary.covered[name];
      if (shard === undefined || !('lines' in shard)) continue;
      for (const [pack, length] of await this.#newPacks(shard)) packs.add(pack, length);
      if (level !== 'content') continue;
      const sum = overlayForm.nothing();
      for (const line of shard.lines) overlayForm.count(sum, line);
      if (!isSameCounts(sum.live, summary.live) || !isSameCounts(sum.covered, summary.covered)) this.#to.damage.add(key, 'count');
      for await (const { at, pieces } of orderedMap(shard.lines.entries(), shardsAtOnce, async ([at, line]) => ({ at, pieces: await this.#checkLine(line) }))) this.#to.pieces(pieces, { shard: this.#table.shards.length + position, line: at });
    }
  }

  async *entries(unvouched: boolean): AsyncGenerator<{ readonly entry: IndexedEntry; readonly shard: number; readonly line: number }> {
    const isWanted = ({ digest }: TableRef): boolean => !this.#to.damage.has(indexKey(digest)) && !(unvouched && this.#vouched?.hasShard(digest) === true);
    for (const [position, ref] of this.#table.shards.entries()) {
      if (!isWanted(ref)) continue;
      const over = new Set((await this.#over(position)).map((line) => line.key));
      for (const [line, entry] of (await this.#index!.loadShard(position, this.#to.signal)).entries.entries()) if (!over.has(entry.key)) yield { entry, shard: position, line };
    }
    for (const [position, ref] of this.#table.overlay.entries()) {
      if (!isWanted(ref)) continue;
      for (const [line, { entry }] of (await this.#index!.loadOverlay(position, this.#to.signal)).lines.entries()) if (entry !== undefined) yield { entry, shard: this.#table.shards.length + position, line };
    }
  }

  async piecesToCheck(entry: IndexedEntry): Promise<readonly Piece[]> {
    return entry.pieces === undefined || (this.#vouched !== undefined && (await this.#vouched.hasPieces(entry))) ? [] : entry.pieces;
  }

  async keys(shard: number): Promise<readonly string[]> {
    const overlay = shard - this.#table.shards.length;
    return (overlay < 0 ? (await this.#index!.loadShard(shard)).entries : (await this.#index!.loadOverlay(overlay)).lines).map(({ key }) => key);
  }

  /** Shards one after the other, with what is in those that no verified set answers for, and their packs put down. What a table says of their order is checked by the way. */
  async *#look<T extends LoadedShard | LoadedOverlay>(kind: ShardKind, refs: readonly TableRef[], load: ((position: number) => Promise<T>) | undefined): AsyncGenerator<{ readonly position: number; readonly key: string; readonly shard: T | Pick<T, 'packs'> | undefined }> {
    const { repository, pool, damage, packs, signal } = this.#to;
    const summaries = kind === 'shard' ? this.#table.summaries?.shards : this.#table.summaries?.overlay;
    const read = async (position: number, ref: TableRef): Promise<T | Pick<T, 'packs'> | undefined> => await asDamage(damage, indexKey(ref.digest), 'index', async () => {
      const whole = load === undefined ? undefined : await asDamage(damage, indexKey(ref.digest), 'index', async () => await load(position));
      return whole ?? { packs: await readShardPacks(repository, pool, ref, kind, signal) };
    });
    let last: string | undefined;
    for await (const { position, ref, isVouched, shard } of orderedMap(refs.entries(), shardsAtOnce, async ([position, ref]) => (this.#vouched?.hasShard(ref.digest) === true ? { position, ref, isVouched: true, shard: undefined } : { position, ref, isVouched: false, shard: await read(position, ref) }))) {
      const key = indexKey(ref.digest);
      const summary = summaries?.[position];
      if (!isVouched) this.#to.count(ref.length);
      // The packs of an overlay depend on its lines, where there is a vouched part.
      if (shard !== undefined && !('lines' in shard)) for (const [pack, length] of shard.packs) if (this.#vouched?.hasPack(pack) !== true) packs.add(pack, length);
      if (!isVouched && shard === undefined && summary !== undefined) {
        damage.hit(key, 'lines' in summary ? summary.lines : summary.entries);
        damage.name(key, `${this.name}:${summary.first}`);
        damage.name(key, `${this.name}:${summary.last}`);
      }
      if (summary !== undefined && last !== undefined && compareKeys(last, summary.first) >= 0) damage.add(this.#tableKey, 'index');
      last = summary?.last;
      yield { position, key, shard };
    }
  }

  /** What lies over a shard of the base, as far as it can be read; the rest is damage. */
  async #over(position: number): Promise<readonly OverlayLine[]> {
    const lines: OverlayLine[] = [];
    for (const at of this.#index!.overlayOver(position)) {
      lines.push(...((await asDamage(this.#to.damage, indexKey(this.#table.overlay[at]!.digest), 'index', async () => await this.#index!.overIn(position, at, this.#to.signal))) ?? []));
    }
    return lines;
  }

  #checkBeneath(line: OverlayLine, beneath: Counted | undefined): void {
    const at = this.#index!.overlayPositionOf(line.key)!;
    if (!isDeepStrictEqual(line.beneath, beneathOf(beneath))) this.#to.damage.add(indexKey(this.#table.overlay[at]!.digest), 'count');
  }

  /** A line of an overlay. What it covers was looked at with the base, unless a verified set answers for that. */
  async #checkLine(line: OverlayLine): Promise<readonly Piece[]> {
    const index = this.#index!;
    const position = index.positionOf(line.key);
    if (this.#vouched?.hasShard(this.#table.shards[position]!.digest) === true) {
      const was = await this.#vouched.overlayLine(line.key);
      if (was === undefined || !isDeepStrictEqual(was.beneath, line.beneath)) {
        await asDamage(this.#to.damage, indexKey(this.#table.shards[position]!.digest), 'index', async () => {
          const base = await index.lines(position, this.#to.signal);
          const text = base.find(line.key);
          this.#checkBeneath(line, text === undefined ? undefined : parseEntry(text, base.packs, base.name));
        });
      }
    }
    return line.entry === undefined ? [] : await this.piecesToCheck(line.entry);
  }

  /** Packs of an overlay shard that no verified set answers for: neither by a shard that was replaced nor by the one beneath, which an entry may have its old pieces from. */
  async #newPacks({ packs, lines }: LoadedOverlay): Promise<readonly (readonly [string, number])[]> {
    const vouched = this.#vouched;
    if (vouched === undefined) return packs;
    const users = new Map<string, string>();
    for (const { key, entry } of lines) for (const { pack } of entry?.pieces ?? []) if (!users.has(pack)) users.set(pack, key);
    const unknown = packs.filter(([pack]) => !vouched.hasPack(pack));
    const isNew = orderedMap(unknown, shardsAtOnce, async ([pack]) => {
      const user = users.get(pack);
      const beneath = user === undefined ? undefined : this.#table.shards[this.#index!.positionOf(user)]!;
      return beneath === undefined || !vouched.hasShard(beneath.digest) || !(await readShardPacks(this.#to.repository, this.#to.pool, beneath, 'shard', this.#to.signal)).some(([each]) => each === pack);
    });
    const flags = await Array.fromAsync(isNew);
    return unknown.filter((_, at) => flags[at]);
  }
}

function isSameCounts(a: Readonly<EntryCounts>, b: Readonly<EntryCounts>): boolean {
  return countNames.every((name) => a[name] === b[name]);
}
