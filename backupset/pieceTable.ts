import type { Piece } from './piece.ts';

const recordBytes = 104;

/** Where an entry is: source, shard and line. */
export interface EntryPlace {
  readonly source: number;
  readonly shard: number;
  readonly line: number;
}

/** Pieces of many entries in 104 bytes each, to be visited pack by pack. */
export class PieceTable {
  #records = Buffer.alloc(1 << 16);
  #count = 0;

  add(piece: Piece, place: EntryPlace): void {
    if ((this.#count + 1) * recordBytes > this.#records.length) {
      const grown = Buffer.alloc(this.#records.length * 2);
      this.#records.copy(grown);
      this.#records = grown;
    }
    const at = this.#count++ * recordBytes;
    const records = this.#records;
    records.write(piece.pack, at, 32, 'hex');
    records.writeDoubleBE(piece.frameOffset, at + 32);
    records.writeDoubleBE(piece.storedLength, at + 40);
    records.writeDoubleBE(piece.length, at + 48);
    records.writeUInt32BE(piece.skip, at + 56);
    records.write(piece.digest, at + 60, 32, 'hex');
    records.writeUInt32BE(place.source, at + 92);
    records.writeUInt32BE(place.shard, at + 96);
    records.writeUInt32BE(place.line, at + 100);
  }

  /** Pieces by pack, in the order they lie in it. */
  *byPack(): Generator<{ readonly pack: string; readonly pieces: readonly { readonly piece: Piece; readonly place: EntryPlace }[] }> {
    const order = Uint32Array.from({ length: this.#count }, (_, i) => i);
    // Pack, then offset: both sort as bytes, offsets being doubles without a sign.
    order.sort((a, b) => this.#records.compare(this.#records, b * recordBytes, b * recordBytes + 60, a * recordBytes, a * recordBytes + 60));
    let pack = '';
    let pieces: { piece: Piece; place: EntryPlace }[] = [];
    for (const i of order) {
      const each = this.#read(i);
      if (each.piece.pack !== pack && pieces.length > 0) {
        yield { pack, pieces };
        pieces = [];
      }
      pack = each.piece.pack;
      pieces.push(each);
    }
    if (pieces.length > 0) yield { pack, pieces };
  }

  #read(i: number): { piece: Piece; place: EntryPlace } {
    const records = this.#records;
    const at = i * recordBytes;
    return {
      piece: {
        offset: 0, length: records.readDoubleBE(at + 48), digest: records.toString('hex', at + 60, at + 92), pack: records.toString('hex', at, at + 32), packLength: 0,
        frameOffset: records.readDoubleBE(at + 32), storedLength: records.readDoubleBE(at + 40), skip: records.readUInt32BE(at + 56),
      },
      place: { source: records.readUInt32BE(at + 92), shard: records.readUInt32BE(at + 96), line: records.readUInt32BE(at + 100) },
    };
  }
}
