/**
 * What passes between the worker and a child process: a frame is the lengths of its two parts (4 bytes each, little-endian), a header in JSON, and
 * bytes. A request is answered by one frame, or by several of which all but the last say `more`; in the order of the requests.
 */
export interface FrameHeader {
  readonly [name: string]: unknown;
}

export interface Frame {
  readonly header: FrameHeader;
  readonly bytes: Uint8Array;
}

/** Lengths before the two parts. */
export const prefixBytes = 8;
/** Longer is no frame: something else writes there. */
const HEADER_LIMIT = 16 * 1024 * 1024;
const BYTES_LIMIT = 64 * 1024 * 1024;

const none = new Uint8Array(0);

/** Prefix and header, in one buffer; the bytes follow as they are. */
export function frameHead(header: FrameHeader, bytes: Uint8Array = none): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const head = Buffer.allocUnsafe(prefixBytes + text.length);
  head.writeUInt32LE(text.length, 0);
  head.writeUInt32LE(bytes.length, 4);
  text.copy(head, prefixBytes);
  return head;
}

/** The lengths of the two parts of a frame. */
export function frameLengths(prefix: Buffer): { readonly header: number; readonly bytes: number } {
  const header = prefix.readUInt32LE(0);
  const bytes = prefix.readUInt32LE(4);
  if (header > HEADER_LIMIT || bytes > BYTES_LIMIT) throw new Error(`no frame: ${prefix.toString('latin1')}`);
  return { header, bytes };
}

/** Puts frames together from what comes in pieces. */
export class FrameReader {
  readonly #deliver: (frame: Frame) => void;
  #part: 'prefix' | 'header' | 'bytes' = 'prefix';
  #buffer = Buffer.allocUnsafe(prefixBytes);
  #filled = 0;
  #bytesLength = 0;
  #header: FrameHeader = {};

  constructor(deliver: (frame: Frame) => void) {
    this.#deliver = deliver;
  }

  take(piece: Buffer): void {
    for (let offset = 0; offset < piece.length; ) {
      const taken = Math.min(piece.length - offset, this.#buffer.length - this.#filled);
      piece.copy(this.#buffer, this.#filled, offset, offset + taken);
      this.#filled += taken;
      offset += taken;
      while (this.#filled === this.#buffer.length) if (this.#next()) break;
    }
  }

  /** A part is there: goes on to the next one. True when the next one has to be waited for. */
  #next(): boolean {
    if (this.#part === 'prefix') {
      const { header, bytes } = frameLengths(this.#buffer);
      this.#bytesLength = bytes;
      this.#expect('header', header);
    } else if (this.#part === 'header') {
      this.#header = JSON.parse(this.#buffer.toString()) as FrameHeader;
      this.#expect('bytes', this.#bytesLength);
    } else {
      const frame = { header: this.#header, bytes: this.#buffer };
      this.#expect('prefix', prefixBytes);
      this.#deliver(frame);
      return true;
    }
    return this.#buffer.length > 0;
  }

  #expect(part: 'prefix' | 'header' | 'bytes', length: number): void {
    this.#part = part;
    // Slow: a block that is handed on must not keep its neighbours.
    this.#buffer = length === 0 ? Buffer.alloc(0) : Buffer.allocUnsafeSlow(length);
    this.#filled = 0;
  }
}
