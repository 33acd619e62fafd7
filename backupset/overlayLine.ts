import { Failure } from '../contracts/failure.ts';
import type { Counted } from './entryCounts.ts';
import { entryOf, isCount, letters, lineOf, parseLine, types, type PlaceOf } from './entryLine.ts';
import type { IndexedEntry } from './piece.ts';

/** What an overlay says of one key, over what the base says of it. */
export interface OverlayLine {
  readonly key: string;
  /** What is there; `undefined`: it is gone. */
  readonly entry: IndexedEntry | undefined;
  /** What of the base this covers, as far as it is counted; `undefined`: the base has nothing of this key. Never both. */
  readonly beneath: Counted | undefined;
}

const gone = '-';

/** The line as it is stored. @throws Failure E_INTERNAL for pieces with holes, and for nothing over nothing */
export function formatOverlayLine({ key, entry, beneath }: OverlayLine, place: PlaceOf): string {
  if (entry === undefined && beneath === undefined) throw new Failure('E_INTERNAL', `${key}: nothing over nothing needs no line`);
  const b = beneath === undefined ? {} : { b: [letters[beneath.type], beneath.length, ...(beneath.gap === undefined ? [] : [1])] };
  return `${JSON.stringify(entry === undefined ? { k: key, t: gone, ...b } : { ...lineOf(entry, place), ...b })}\n`;
}

/** @throws Failure E_CORRUPT */
export function parseOverlayLine(text: string, packs: readonly (readonly [string, number])[], name: string): OverlayLine {
  const line = parseLine(text, name);
  const beneath = line['b'] === undefined ? undefined : parseBeneath(line['b'], name);
  if (line['t'] !== gone) {
    const entry = entryOf(line, packs, name);
    return { key: entry.key, entry, beneath };
  }
  const key = line['k'];
  if (typeof key !== 'string' || key === '' || beneath === undefined) throw new Failure('E_CORRUPT', `${name} has a line that takes away nothing: ${text.slice(0, 200)}`);
  return { key, entry: undefined, beneath };
}

/** What a line has to say of the base's entry that it covers. */
export function beneathOf(entry: Counted | undefined): Counted | undefined {
  return entry === undefined ? undefined : { type: entry.type, length: entry.length, ...(entry.gap === undefined ? {} : { gap: true }) };
}

function parseBeneath(value: unknown, name: string): Counted {
  const [letter, length, gap] = Array.isArray(value) ? value as unknown[] : [];
  if ((letter !== 'f' && letter !== 'd' && letter !== 'l') || !isCount(length) || (gap !== undefined && gap !== 1)) throw new Failure('E_CORRUPT', `${name} does not say what of the base it covers: ${JSON.stringify(value).slice(0, 200)}`);
  return { type: types[letter], length, ...(gap === undefined ? {} : { gap: true }) };
}
