import type { Entry } from '../contracts/entry.ts';
import { Failure } from '../contracts/failure.ts';
import { maxFrameBytes } from './frame.ts';
import type { IndexedEntry, Piece } from './piece.ts';

/** length, digest, place of the pack in the shard's table, frame offset, stored length, skip. */
type PieceTuple = readonly [number, string, number, number, number, number];
/** Finds or makes a pack's position in the shard's table. */
export type PlaceOf = (pack: string, length: number) => number;
/** A line of a shard; see docs/format.md. */
export interface EntryLine {
  readonly k: string;
  readonly t: 'f' | 'd' | 'l';
  readonly n: number;
  readonly a: Entry['attributes'];
  readonly g?: string;
  readonly p?: readonly PieceTuple[];
}
/** How types are written. */
export const letters = { file: 'f', directory: 'd', symlink: 'l' } as const;
/** And read. */
export const types = { f: 'file', d: 'directory', l: 'symlink' } as const;

/** An entry as its line in a shard. @throws Failure E_INTERNAL for pieces with holes */
export function formatEntry(entry: IndexedEntry, place: PlaceOf): string {
  return `${JSON.stringify(lineOf(entry, place))}\n`;
}

/** The same as an object, for lines that say more. */
export function lineOf(entry: IndexedEntry, place: PlaceOf): EntryLine {
  const pieces = entry.pieces ?? [];
  let offset = 0;
  const p = pieces.map((each): PieceTuple => {
    if (each.offset !== offset) throw new Failure('E_INTERNAL', `${entry.key}: its pieces leave a hole at ${offset}`);
    offset += each.length;
    return [each.length, each.digest, place(each.pack, each.packLength), each.frameOffset, each.storedLength, each.skip];
  });
  if (entry.type === 'file' && entry.gap === undefined && offset !== entry.length) throw new Failure('E_INTERNAL', `${entry.key}: its pieces hold ${offset} of ${entry.length} bytes`);
  return { k: entry.key, t: letters[entry.type], n: entry.length, a: entry.attributes, ...(entry.gap === undefined ? {} : { g: entry.gap }), ...(p.length === 0 ? {} : { p }) };
}

/** @throws Failure E_CORRUPT */
export function parseEntry(text: string, packs: readonly (readonly [string, number])[], name: string): IndexedEntry {
  return entryOf(parseLine(text, name), packs, name);
}

/** The entry of a line that was parsed, which may say more. @throws Failure E_CORRUPT */
export function entryOf(value: Readonly<Record<string, unknown>>, packs: readonly (readonly [string, number])[], name: string): IndexedEntry {
  const line = checked(value, name);
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

/** The object of a line. @throws Failure E_CORRUPT */
export function parseLine(text: string, name: string): Readonly<Record<string, unknown>> {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch (cause) {
    throw new Failure('E_CORRUPT', `${name} is not JSON`, { cause });
  }
  if (typeof line !== 'object' || line === null) throw new Failure('E_CORRUPT', `${name} has a line that is no object`);
  return line as Record<string, unknown>;
}

/** Checked by hand: there may be millions of them. */
function checked(value: Readonly<Record<string, unknown>>, name: string): EntryLine {
  const line = value as Partial<EntryLine>;
  const right = typeof line.k === 'string' && line.k !== '' && (line.t === 'f' || line.t === 'd' || line.t === 'l') && isCount(line.n)
    && typeof line.a === 'object' && line.a !== null && !Array.isArray(line.a) && (line.g === undefined || typeof line.g === 'string') && (line.p === undefined || (Array.isArray(line.p) && line.p.every(isPiece)));
  if (!right) throw new Failure('E_CORRUPT', `${name} does not have the form of docs/format.md: ${JSON.stringify(value).slice(0, 200)}`);
  return line as EntryLine;
}

/** Whether this is a length or a number of bytes. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isPiece(value: unknown): value is PieceTuple {
  return Array.isArray(value) && value.length === 6 && typeof value[1] === 'string' && /^[0-9a-f]{64}$/.test(value[1]) && isCount(value[0]) && isCount(value[2]) && isCount(value[3]) && isCount(value[4]) && isCount(value[5]) && value[5] <= maxFrameBytes;
}

