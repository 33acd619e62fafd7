import { createHash, hash, type Hash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';

/** The checksum of an empty file: no CRC per block, and the MD5 of the 32 zero bytes HDFS starts its buffer with. */
const EMPTY = `${'0'.repeat(24)}70bc8f4b72a86921468bf8e8441dce51`;

/**
 * HDFS's own `MD5-of-xMD5-of-yCRC32C`, computed while the bytes pass: CRC32C of every chunk of `bytesPerChecksum`, MD5 of all CRCs of a block,
 * MD5 of all block MD5s. Holds for replicated files written in one piece with this block size and chunk size.
 * Source: FileChecksumHelper.java; the buffer of block MD5s is hashed with its zero padding, and grows 32, 64, 128 ...
 */
export class FileChecksum {
  readonly #blockSize: number;
  readonly #bytesPerChecksum: number;
  /** Bytes of the chunk that is not full yet. */
  readonly #rest: Buffer;
  #restLength = 0;
  #blockLength = 0;
  #length = 0;
  #block: Hash | undefined;
  readonly #crc: Buffer;
  #crcLength = 0;
  readonly #blocks: Buffer[] = [];

  constructor(blockSize: number, bytesPerChecksum: number) {
    if (blockSize % bytesPerChecksum !== 0) throw new RangeError(`a block of ${blockSize} bytes does not end with a chunk of ${bytesPerChecksum}`);
    this.#blockSize = blockSize;
    this.#bytesPerChecksum = bytesPerChecksum;
    this.#rest = Buffer.allocUnsafe(bytesPerChecksum);
    this.#crc = Buffer.allocUnsafe(8192);
  }

  /** Bytes seen so far. */
  get length(): number {
    return this.#length;
  }

  update(bytes: Uint8Array): void {
    this.#length += bytes.length;
    const size = this.#bytesPerChecksum;
    let at = 0;
    if (this.#restLength > 0) {
      at = Math.min(size - this.#restLength, bytes.length);
      this.#rest.set(bytes.subarray(0, at), this.#restLength);
      this.#restLength += at;
      if (this.#restLength < size) return;
      this.#chunk(this.#rest);
      this.#restLength = 0;
    }
    for (; at + size <= bytes.length; at += size) this.#chunk(bytes.subarray(at, at + size));
    if (at < bytes.length) {
      this.#rest.set(bytes.subarray(at), 0);
      this.#restLength = bytes.length - at;
    }
  }

  /** The 28 bytes in lower-case hex. Ends the computation. */
  digest(): string {
    if (this.#length === 0) return EMPTY;
    if (this.#restLength > 0) this.#chunk(this.#rest.subarray(0, this.#restLength));
    if (this.#blockLength > 0) this.#endBlock();
    const all = Buffer.concat(this.#blocks);
    let capacity = 32;
    while (capacity < all.length) capacity *= 2;
    const padded = Buffer.alloc(capacity);
    all.copy(padded);
    const head = Buffer.alloc(12);
    head.writeInt32BE(this.#bytesPerChecksum, 0);
    // CRCs per block are named only when there is more than one block.
    head.writeBigInt64BE(this.#blocks.length > 1 ? BigInt(this.#blockSize / this.#bytesPerChecksum) : 0n, 4);
    return head.toString('hex') + hash('md5', padded, 'hex');
  }

  #chunk(bytes: Uint8Array): void {
    if (this.#crcLength === this.#crc.length) this.#flush();
    this.#crc.writeUInt32BE(crc32c(bytes) >>> 0, this.#crcLength);
    this.#crcLength += 4;
    this.#blockLength += bytes.length;
    if (this.#blockLength === this.#blockSize) this.#endBlock();
  }

  #flush(): void {
    this.#block ??= createHash('md5');
    this.#block.update(this.#crc.subarray(0, this.#crcLength));
    this.#crcLength = 0;
  }

  #endBlock(): void {
    this.#flush();
    this.#blocks.push(this.#block!.digest());
    this.#block = undefined;
    this.#blockLength = 0;
  }
}
