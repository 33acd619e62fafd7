const recordBytes = 40;

/** Distinct packs with their lengths in 40 bytes each, by the first byte of the digest like the folders they lie in. */
export class PackSet {
  readonly #buckets: { records: Buffer; count: number; sorted: number }[] = Array.from({ length: 256 }, () => ({ records: Buffer.alloc(0), count: 0, sorted: 0 }));

  add(digest: string, length: number): void {
    const bucket = this.#buckets[Number.parseInt(digest.slice(0, 2), 16)]!;
    if ((bucket.count + 1) * recordBytes > bucket.records.length) {
      this.#compact(bucket);
      const grown = Buffer.alloc(Math.max(16, bucket.count * 2) * recordBytes);
      bucket.records.copy(grown, 0, 0, bucket.count * recordBytes);
      bucket.records = grown;
    }
    recordOf(digest, length).copy(bucket.records, bucket.count++ * recordBytes);
  }

  /** Packs whose digest begins with this byte, sorted. A digest with two lengths comes twice. */
  *of(firstByte: number): Generator<{ readonly digest: string; readonly length: number }> {
    const bucket = this.#buckets[firstByte]!;
    this.#compact(bucket);
    for (let i = 0; i < bucket.count; i++) {
      const at = i * recordBytes;
      yield { digest: bucket.records.toString('hex', at, at + 32), length: bucket.records.readDoubleBE(at + 32) };
    }
  }

  /** All of them. */
  *all(): Generator<{ readonly digest: string; readonly length: number }> {
    for (let byte = 0; byte < 256; byte++) yield* this.of(byte);
  }

  /** Whether this very pack is among them. */
  has(digest: string, length: number): boolean {
    const bucket = this.#buckets[Number.parseInt(digest.slice(0, 2), 16)]!;
    if (bucket.count === 0) return false;
    this.#compact(bucket);
    const record = recordOf(digest, length);
    let low = 0;
    let high = bucket.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const order = record.compare(bucket.records, middle * recordBytes, (middle + 1) * recordBytes);
      if (order === 0) return true;
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    return false;
  }

  count(firstByte: number): number {
    const bucket = this.#buckets[firstByte]!;
    this.#compact(bucket);
    return bucket.count;
  }

  #compact(bucket: { records: Buffer; count: number; sorted: number }): void {
    if (bucket.sorted === bucket.count) return;
    const records = Array.from({ length: bucket.count }, (_, i) => Buffer.from(bucket.records.subarray(i * recordBytes, (i + 1) * recordBytes))).sort(Buffer.compare);
    let count = 0;
    for (const [i, record] of records.entries()) {
      if (i > 0 && record.equals(records[i - 1]!)) continue;
      record.copy(bucket.records, count++ * recordBytes);
    }
    bucket.count = count;
    bucket.sorted = count;
  }
}

function recordOf(digest: string, length: number): Buffer {
  const record = Buffer.alloc(recordBytes);
  record.write(digest, 0, 32, 'hex');
  record.writeDoubleBE(length, 32);
  return record;
}
