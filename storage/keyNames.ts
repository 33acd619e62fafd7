import { Failure } from '../contracts/failure.ts';

/**
 * How a key becomes names in a tree of folders, the same for every medium that has folders and takes names as they are.
 *
 * - A segment of `[A-Za-z0-9._@-]` is its own name, so that an operator can read the tree.
 * - Any other byte of its UTF-8 form becomes `%XX` (upper-case hex); half a surrogate pair becomes `%uXXXX`.
 * - Names a medium keeps for itself (`.tmp` is our own) begin with `%2E` instead of the dot.
 * - A name over 240 bytes is cut; every part but the last is a folder whose name ends in `%-`.
 * - Where names are those of Windows (`Naming`), capital letters, a dot at the end and the first letter of the name of a device are escaped too.
 *
 * A name that `encodeSegment` would not have made is foreign (`lost+found`) and is never an object.
 */
export const TEMPORARY_FOLDER = '.tmp';

/** What a medium does with names. `windows`: it takes `A` for `a`, drops a dot at the end, and keeps `con` and the like for devices. */
export type Naming = 'exact' | 'windows';

/** Longest name we make. File systems and HDFS take 255 bytes; the rest is left for the mark and for what encrypting file systems add. */
const NAME_BYTES = 240;
const CUT = '%-';
/** HDFS keeps `.snapshot` and `.reserved`, NFS servers `.snapshot`, NFS clients `.nfs…` for files removed while open. */
const RESERVED = /^\.(tmp|snapshot|reserved|nfs[^/]*)$/i;
const DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/;
const PLAIN: Readonly<Record<Naming, RegExp>> = { exact: /^[A-Za-z0-9._@-]$/, windows: /^[a-z0-9._@-]$/ };
const encoder = new TextEncoder();

function unitsOf(segment: string, naming: Naming): string[] {
  const units: string[] = [];
  for (const character of segment) {
    if (PLAIN[naming].test(character)) units.push(character);
    else if (/^[\ud800-\udfff]$/.test(character)) units.push(`%u${hex(character.charCodeAt(0), 4)}`);
    else for (const byte of encoder.encode(character)) units.push(`%${hex(byte, 2)}`);
  }
  if (RESERVED.test(segment)) units[0] = '%2E';
  if (naming === 'windows') {
    if (DEVICE.test(segment)) units[0] = `%${hex(segment.charCodeAt(0), 2)}`;
    if (units.at(-1) === '.') units[units.length - 1] = '%2E';
  }
  return units;
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

/** The names, from the top, under which one segment of a key is found: one, or more for a long segment. */
export function encodeSegment(segment: string, naming: Naming = 'exact'): string[] {
  const names: string[] = [];
  let name = '';
  for (const unit of unitsOf(segment, naming)) {
    if (name.length + unit.length > NAME_BYTES) {
      names.push(name + CUT);
      name = '';
    }
    name += unit;
  }
  names.push(name);
  return names;
}

/** Whether a folder of this name holds the rest of longer segments. */
export function isCut(name: string): boolean {
  return name.endsWith(CUT);
}

/** The segment that these names stand for, or `undefined` when we did not make them. */
export function decodeSegment(names: readonly string[], naming: Naming = 'exact'): string | undefined {
  const text = names.map((name) => (isCut(name) ? name.slice(0, -CUT.length) : name)).join('');
  let segment = '';
  let bytes: number[] = [];
  const flush = (): boolean => {
    try {
      segment += new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
      bytes = [];
      return true;
    } catch {
      return false;
    }
  };
  for (let i = 0; i < text.length; ) {
    const escape = /^%(?:([0-9A-F]{2})|u([0-9A-F]{4}))/.exec(text.slice(i, i + 6));
    if (escape?.[1] !== undefined) {
      bytes.push(Number.parseInt(escape[1], 16));
      i += 3;
      continue;
    }
    if (!flush()) return undefined;
    segment += escape?.[2] === undefined ? text[i] : String.fromCharCode(Number.parseInt(escape[2], 16));
    i += escape === null ? 1 : 6;
  }
  if (!flush() || segment === '' || segment === '.' || segment === '..') return undefined;
  const canonical = encodeSegment(segment, naming);
  return canonical.length === names.length && canonical.every((name, i) => name === names[i]) ? segment : undefined;
}

/**
 * The path, relative to the root of the destination, at which an object of this key lies.
 * @throws Failure E_USAGE when it is no key: empty segments, `.` or `..`, NUL.
 */
export function encodeKey(key: string, naming: Naming = 'exact'): string {
  const segments = key.split('/');
  for (const segment of segments) {
    if (segment === '' || segment === '.' || segment === '..' || segment.includes('\0')) {
      throw new Failure('E_USAGE', `not a key of an object: ${JSON.stringify(key)}`, { hint: 'segments may not be empty, ".", "..", nor hold NUL' });
    }
  }
  return segments.flatMap((segment) => encodeSegment(segment, naming)).join('/');
}

/** The path of a `list` prefix: `''`, or a folder ending in `/`. */
export function encodePrefix(prefix: string, naming: Naming = 'exact'): string {
  if (prefix === '') return '';
  if (!prefix.endsWith('/')) throw new Failure('E_USAGE', `a prefix to list ends in "/": ${JSON.stringify(prefix)}`);
  return encodeKey(prefix.slice(0, -1), naming);
}

/** The key at a path, or `undefined` when a name in it is not ours. */
export function decodeKey(path: string, naming: Naming = 'exact'): string | undefined {
  const segments: string[] = [];
  let names: string[] = [];
  for (const name of path.split('/')) {
    names.push(name);
    if (isCut(name)) continue;
    const segment = decodeSegment(names, naming);
    if (segment === undefined) return undefined;
    segments.push(segment);
    names = [];
  }
  return names.length === 0 ? segments.join('/') : undefined;
}
