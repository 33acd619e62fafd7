import { compareKeys } from '../contracts/compareKeys.ts';
import { Failure } from '../contracts/failure.ts';
import { isBelow } from '../contracts/isBelow.ts';

const lineEnd = 0x0a;
const quote = 0x22;
const backslash = 0x5c;
/** How we write the beginning of a line; others may write it otherwise. */
const keyFirst = Buffer.from('{"k":"');

/** The lines of a shard as they are stored, in the order of keys: what is asked for is parsed, the rest is not. */
export class ShardLines {
  readonly packs: readonly (readonly [string, number])[];
  /** The object's key, for messages. */
  readonly name: string;
  readonly #raw: Buffer;
  readonly #text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  /** The key that was found last, and where the line after it begins: keys are mostly asked for in order. */
  #last: { readonly key: string; readonly next: number } | undefined;

  /** @throws Failure E_CORRUPT when the last line has no end */
  constructor(raw: Uint8Array, packs: readonly (readonly [string, number])[], name: string) {
    this.#raw = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
    this.packs = packs;
    this.name = name;
    if (raw.length > 0 && raw.at(-1) !== lineEnd) throw new Failure('E_CORRUPT', `${name} does not end with its last line`);
  }

  /** What is kept in memory. */
  get bytes(): number {
    return this.#raw.length;
  }

  /** All of them, without the ends. @throws Failure E_CORRUPT */
  all(): string[] {
    const lines = this.#decode(0, this.#raw.length).split('\n');
    lines.pop();
    return lines;
  }

  /** The line of this key. @throws Failure E_CORRUPT */
  find(key: string): string | undefined {
    const at = this.#atOrAfter(key);
    if (at >= this.#raw.length || this.#keyAt(at) !== key) return undefined;
    const end = this.#endOf(at);
    this.#last = { key, next: end + 1 };
    return this.#decode(at, end);
  }

  /** The lines of this key and of everything below it. @throws Failure E_CORRUPT */
  *below(ancestor: string): Generator<string> {
    for (let at = this.#atOrAfter(ancestor); at < this.#raw.length && isBelow(this.#keyAt(at), ancestor);) {
      const end = this.#endOf(at);
      yield this.#decode(at, end);
      at = end + 1;
    }
  }

  /** Where the first line begins whose key is this one or comes after it; the end of all when there is none. */
  #atOrAfter(key: string): number {
    if (this.#last !== undefined && compareKeys(this.#last.key, key) < 0) {
      const { next } = this.#last;
      if (next >= this.#raw.length || compareKeys(this.#keyAt(next), key) >= 0) return next;
    }
    let low = 0;
    let high = this.#raw.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const begin = middle === 0 ? 0 : this.#raw.lastIndexOf(lineEnd, middle - 1) + 1;
      if (compareKeys(this.#keyAt(begin), key) < 0) low = this.#endOf(begin) + 1;
      else high = begin;
    }
    return low;
  }

  #endOf(begin: number): number {
    return this.#raw.indexOf(lineEnd, begin);
  }

  #keyAt(begin: number): string {
    const from = begin + keyFirst.length;
    if (keyFirst.equals(this.#raw.subarray(begin, from))) {
      const end = this.#raw.indexOf(quote, from);
      const plain = this.#raw.toString('utf8', from, end < 0 ? from : end);
      if (end >= 0 && !plain.includes('\\')) return plain;
      return this.#escaped(from);
    }
    return this.#parse(begin, this.#endOf(begin), (value) => (value as { k?: unknown } | null)?.k);
  }

  /** A key with escapes in it: its end is a quote that is not escaped itself. */
  #escaped(from: number): string {
    let at = from;
    while (at < this.#raw.length && this.#raw[at] !== quote) at += this.#raw[at] === backslash ? 2 : 1;
    return this.#parse(from - 1, at + 1, (value) => value);
  }

  #parse(from: number, to: number, keyOf: (value: unknown) => unknown): string {
    let key: unknown;
    try {
      key = keyOf(JSON.parse(this.#raw.toString('utf8', from, to)));
    } catch (cause) {
      throw new Failure('E_CORRUPT', `${this.name} is not JSON`, { cause });
    }
    if (typeof key !== 'string') throw new Failure('E_CORRUPT', `${this.name} has a line without a key`);
    return key;
  }

  #decode(from: number, to: number): string {
    try {
      return this.#text.decode(this.#raw.subarray(from, to));
    } catch (cause) {
      throw new Failure('E_CORRUPT', `${this.name} is not UTF-8`, { cause });
    }
  }
}
