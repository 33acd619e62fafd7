import { hash } from 'node:crypto';
import { z } from 'zod';
import type { Entry } from '../contracts/entry.ts';
import { Failure } from '../contracts/failure.ts';
import type { FramePool } from './framePool.ts';
import { frameHeaderBytes, maxFrameBytes, readFrameHeader } from './frame.ts';
import { countSchema, digestSchema, formatVersion, parseJson, readObject } from './jsonObject.ts';
import { indexKey } from './packKey.ts';
import type { IndexedEntry, Piece } from './piece.ts';
import type { Repository } from './repository.ts';

/** A content-addressed index object. */
export interface TableRef {
  readonly digest: string;
  readonly length: number;
}

/** What a table says of one of its shards. */
export interface ShardSummary {
  readonly digest: string;
  readonly length: number;
  readonly first: string;
  readonly last: string;
  readonly entries: number;
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly gaps: number;
  readonly bytes: number;
}

const refsSchema = z.array(z.tuple([digestSchema, countSchema])).max(2_000_000);
const shardClear = z.object({ formatVersion: z.literal(formatVersion), kind: z.literal('shard'), packs: refsSchema });
const tableClear = z.object({ formatVersion: z.literal(formatVersion), kind: z.literal('table'), shards: refsSchema });
const keySchema = z.string().min(1);
const tableLine = z.object({ first: keySchema, last: keySchema, entries: countSchema, files: countSchema, directories: countSchema, symlinks: countSchema, gaps: countSchema, bytes: countSchema });
/** length, digest, place of the pack in the shard's table, frame offset, stored length, skip. */
type PieceTuple = readonly [number, string, number, number, number, number];
interface EntryLine {
  readonly k: string;
  readonly t: 'f' | 'd' | 'l';
  readonly n: number;
  readonly a: Entry['attributes'];
  readonly g?: string;
  readonly p?: readonly PieceTuple[];
}
const letters = { file: 'f', directory: 'd', symlink: 'l' } as const;
const types = { f: 'file', d: 'directory', l: 'symlink' } as const;

/** An entry as its line in a shard; `place` finds or makes the pack's position in the shard's table. @throws Failure E_INTERNAL for pieces with holes */
export function formatEntry(entry: IndexedEntry, place: (pack: string, length: number) => number): string {
  const pieces = entry.pieces ?? [];
  let offset = 0;
  const p = pieces.map((each): PieceTuple => {
    if (each.offset !== offset) throw new Failure('E_INTERNAL', `${entry.key}: its pieces leave a hole at ${offset}`);
    offset += each.length;
    return [each.length, each.digest, place(each.pack, each.packLength), each.frameOffset, each.storedLength, each.skip];
  });
  if (entry.type === 'file' && entry.gap === undefined && offset !== entry.length) throw new Failure('E_INTERNAL', `${entry.key}: its pieces hold ${offset} of ${entry.length} bytes`);
  const line: EntryLine = { k: entry.key, t: letters[entry.type], n: entry.length, a: entry.attributes, ...(entry.gap === undefined ? {} : { g: entry.gap }), ...(p.length === 0 ? {} : { p }) };
  return `${JSON.stringify(line)}\n`;
}

/** @throws Failure E_CORRUPT */
export function parseEntry(text: string, packs: readonly (readonly [string, number])[], name: string): IndexedEntry {
  const line = parseLine(text, name);
  let offset = 0;
  const pieces = line.p?.map(([length, digest, place, frameOffset, storedLength, skip]): Piece => {
    const pack = packs[place];
    if (pack === undefined || frameOffset + storedLength > pack[1]) throw new Failure('E_CORRUPT', `${name}: ${line.k} lies outside its pack`);
    const piece = { offset, length, digest, pack: pack[0], packLength: pack[1], frameOffset, storedLength, skip };
    offset += length;
    return piece;
  });
  if (line.t === 'f' && line.g === undefined && offset !== line.n) throw new Failure('E_CORRUPT', `${name}: the pieces of ${line.k} hold ${offset} of ${line.n} bytes`);
  return { key: line.k, type: types[line.t], length: line.n, attributes: line.a, ...(line.g === undefined ? {} : { gap: line.g }), ...(pieces === undefined ? {} : { pieces }) };
}

/** Checked by hand: there may be millions of them. */
function parseLine(text: string, name: string): EntryLine {
  let line: Partial<EntryLine>;
  try {
    line = JSON.parse(text) as Partial<EntryLine>;
  } catch (cause) {
    throw new Failure('E_CORRUPT', `${name} is not JSON`, { cause });
  }
  const right = typeof line === 'object' && line !== null && typeof line.k === 'string' && line.k !== '' && (line.t === 'f' || line.t === 'd' || line.t === 'l') && isCount(line.n)
    && typeof line.a === 'object' && line.a !== null && !Array.isArray(line.a) && (line.g === undefined || typeof line.g === 'string') && (line.p === undefined || (Array.isArray(line.p) && line.p.every(isPiece)));
  if (!right) throw new Failure('E_CORRUPT', `${name} does not have the form of docs/format.md: ${text.slice(0, 200)}`);
  return line as EntryLine;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isPiece(value: unknown): value is PieceTuple {
  return Array.isArray(value) && value.length === 6 && typeof value[1] === 'string' && /^[0-9a-f]{64}$/.test(value[1]) && isCount(value[0]) && isCount(value[2]) && isCount(value[3]) && isCount(value[4]) && isCount(value[5]) && value[5] <= maxFrameBytes;
}

/** Lines of a private frame, without the ends. */
export function splitLines(raw: Uint8Array): string[] {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let lines: string[];
  try {
    lines = text.decode(raw).split('\n');
  } catch (cause) {
    throw new Failure('E_CORRUPT', 'an index object is not UTF-8', { cause });
  }
  if (lines.pop() !== '') throw new Failure('E_CORRUPT', 'an index object does not end with its last line');
  return lines;
}

/** An index object, read whole, checked against its name and taken apart. `lines` is undefined when they are not wanted or the repository is open without its key. */
async function readTwoFrames(repository: Repository, pool: FramePool, ref: TableRef, signal?: AbortSignal, wantLines = true): Promise<{ readonly clear: Uint8Array; readonly lines: string[] | undefined }> {
  const key = indexKey(ref.digest);
  if (ref.length > 2 * (maxFrameBytes + 256)) throw new Failure('E_CORRUPT', `${key} claims to be larger than an index object may be`);
  const bytes = await readObject(repository.session, key, ref.length, signal);
  if (bytes.length !== ref.length) throw new Failure('E_CORRUPT', `${key} has ${bytes.length} bytes instead of ${ref.length}`, { details: { kind: 'length' } });
  if (hash('sha256', bytes) !== ref.digest) throw new Failure('E_CORRUPT', `${key} has another digest than its name`, { details: { kind: 'digest' } });
  const end = frameHeaderBytes + readFrameHeader(bytes).storedLength;
  const clear = await pool.decode(bytes.subarray(0, end), undefined);
  const lines = repository.keyless || !wantLines ? undefined : splitLines(await pool.decode(bytes.subarray(end), repository.keys));
  return { clear, lines };
}

/** A shard: its packs and, with the key, its lines. @throws Failure E_CORRUPT, E_OBJECT_NOT_FOUND, E_KEY */
export async function readShard(repository: Repository, pool: FramePool, ref: TableRef, signal?: AbortSignal): Promise<{ readonly packs: readonly (readonly [string, number])[]; readonly lines: string[] | undefined }> {
  const { clear, lines } = await readTwoFrames(repository, pool, ref, signal);
  return { packs: parseJson(clear, shardClear, indexKey(ref.digest)).packs, lines };
}

/** The packs that a shard uses; needs no key. @throws Failure E_CORRUPT, E_OBJECT_NOT_FOUND */
export async function readShardPacks(repository: Repository, pool: FramePool, ref: TableRef, signal?: AbortSignal): Promise<readonly (readonly [string, number])[]> {
  return parseJson((await readTwoFrames(repository, pool, ref, signal, false)).clear, shardClear, indexKey(ref.digest)).packs;
}

/** A table: its shards and, with the key, what it says of them. @throws Failure E_CORRUPT, E_OBJECT_NOT_FOUND, E_KEY */
export async function readTable(repository: Repository, pool: FramePool, ref: TableRef, signal?: AbortSignal): Promise<{ readonly shards: readonly (readonly [string, number])[]; readonly summaries: ShardSummary[] | undefined }> {
  const { clear, lines } = await readTwoFrames(repository, pool, ref, signal);
  const { shards } = parseJson(clear, tableClear, indexKey(ref.digest));
  if (lines !== undefined && lines.length !== shards.length) throw new Failure('E_CORRUPT', `${indexKey(ref.digest)} describes ${lines.length} of ${shards.length} shards`);
  return { shards, summaries: lines?.map((line, index) => ({ ...parseJson(line, tableLine, indexKey(ref.digest)), digest: shards[index]![0], length: shards[index]![1] })) };
}

/** Stores an index object of a clear and a private frame, unless it is there. Returns whether it was new. */
export async function writeTwoFrames(repository: Repository, pool: FramePool, clear: object, text: string, bad: ReadonlySet<string>, signal?: AbortSignal): Promise<TableRef & { readonly isNew: boolean }> {
  const encode = new TextEncoder();
  const [first, second] = await Promise.all([pool.encode(encode.encode(JSON.stringify(clear)), [undefined]), pool.encode(encode.encode(text), [repository.keys])]);
  const body = Buffer.concat([first.frames[0]!, second.frames[0]!]);
  const digest = hash('sha256', body);
  const key = indexKey(digest);
  const there = bad.has(key) ? undefined : await repository.session.stat(key, signal);
  if (there?.length === body.length) return { digest, length: body.length, isNew: false };
  await repository.session.put(key, [body], { length: body.length, sha256: digest }, signal);
  return { digest, length: body.length, isNew: true };
}

/** Merkle root: SHA-256 over the digests of the shards, as bytes, in order. */
export function rootOf(digests: readonly string[]): string {
  return hash('sha256', Buffer.from(digests.join(''), 'hex'));
}
