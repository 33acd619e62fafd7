import { createCipheriv, createDecipheriv, createHmac, hash, timingSafeEqual } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { Failure } from '../contracts/failure.ts';

/** Length of the header of every frame. */
export const frameHeaderBytes = 48;
/** What a frame may hold at most, raw and stored: a bound for what hostile bytes can make us allocate. */
export const maxFrameBytes = 128 << 20;

const magic = 0x4653524d; // "MRSF", little endian
const version = 1;
const flagCompressed = 1;
const flagEncrypted = 2;
const tagBytes = 16;
const digestBytes = 32;
const nonce = new Uint8Array(12);

/** What encrypts frames: derived from the repository's data key. */
export interface FrameKeys {
  readonly idKey: Uint8Array;
  readonly frameKey: Uint8Array;
}

export interface FrameHeader {
  readonly compressed: boolean;
  readonly encrypted: boolean;
  readonly rawLength: number;
  /** Bytes after the header. */
  readonly storedLength: number;
  readonly id: Uint8Array;
}

/** Reads the header at the start of `bytes`. @throws Failure E_CORRUPT; E_FORMAT for a newer version. */
export function readFrameHeader(bytes: Uint8Array): FrameHeader {
  if (bytes.length < frameHeaderBytes) throw corrupt('it ends within its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, frameHeaderBytes);
  if (view.getUint32(0, true) !== magic) throw corrupt('it does not begin with MRSF');
  if (bytes[4] !== version) throw new Failure('E_FORMAT', `a frame has version ${bytes[4]}; this product reads version ${version}`);
  const flags = bytes[5]!;
  if ((flags & ~(flagCompressed | flagEncrypted)) !== 0 || view.getUint16(6, true) !== 0) throw corrupt('it has flags that do not exist');
  const header = {
    compressed: (flags & flagCompressed) !== 0, encrypted: (flags & flagEncrypted) !== 0,
    rawLength: view.getUint32(8, true), storedLength: view.getUint32(12, true), id: bytes.subarray(16, frameHeaderBytes),
  };
  if (header.rawLength > maxFrameBytes || header.storedLength > maxFrameBytes + digestBytes + tagBytes) throw corrupt('it claims to be larger than a frame may be');
  return header;
}

/**
 * Level 3 with smaller tables, which stay in the cache of a core: a tenth less processor time for a hundredth more bytes on files as they are
 * (docs/reference/performance.md).
 */
const zstdParams = { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_hashLog]: 16, [constants.ZSTD_c_chainLog]: 15 };

/** The payload before encryption: compressed where that makes it smaller. */
export interface FramePayload {
  readonly rawLength: number;
  readonly rawDigest: Buffer;
  readonly compressed: boolean;
  readonly payload: Uint8Array;
}

/** Hashes (unless that was done) and compresses: what is the same for every destination. */
export function preparePayload(raw: Uint8Array, rawDigest: Buffer = hash('sha256', raw, 'buffer')): FramePayload {
  if (raw.length > maxFrameBytes) throw new Failure('E_INTERNAL', `${raw.length} bytes are too many for one frame`);
  if (raw.length < 16) return { rawLength: raw.length, rawDigest, compressed: false, payload: raw };
  // One output chunk, as long as zstd could need at most (ZSTD_COMPRESSBOUND): it then compresses from here to there, without copies of its own.
  const packed = zstdCompressSync(raw, { chunkSize: raw.length + (raw.length >> 8) + 1024, pledgedSrcSize: raw.length, params: zstdParams });
  return packed.length < raw.length ? { rawLength: raw.length, rawDigest, compressed: true, payload: packed } : { rawLength: raw.length, rawDigest, compressed: false, payload: raw };
}

/** Builds the finished frame, header included, in a buffer of its own. */
export function buildFrame(from: FramePayload, keys: FrameKeys | undefined): Uint8Array<ArrayBuffer> {
  const storedLength = keys === undefined ? from.payload.length : digestBytes + from.payload.length + tagBytes;
  const frame = new Uint8Array(frameHeaderBytes + storedLength);
  const view = new DataView(frame.buffer);
  view.setUint32(0, magic, true);
  frame[4] = version;
  frame[5] = (from.compressed ? flagCompressed : 0) | (keys === undefined ? 0 : flagEncrypted);
  view.setUint32(8, from.rawLength, true);
  view.setUint32(12, storedLength, true);
  if (keys === undefined) {
    frame.set(from.rawDigest, 16);
    frame.set(from.payload, frameHeaderBytes);
    return frame;
  }
  const id = createHmac('sha256', keys.idKey).update(from.rawDigest).update(from.payload).digest();
  frame.set(id, 16);
  const cipher = createCipheriv('aes-256-gcm', createHmac('sha256', keys.frameKey).update(id).digest(), nonce);
  cipher.setAAD(frame.subarray(0, frameHeaderBytes));
  let at = frameHeaderBytes;
  for (const part of [cipher.update(from.rawDigest), cipher.update(from.payload), cipher.final(), cipher.getAuthTag()]) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/**
 * Opens exactly one frame and checks it. With keys, an unencrypted frame is refused: nobody can slip one in.
 * @throws Failure E_CORRUPT, E_FORMAT; E_KEY for an encrypted frame without keys.
 */
export function openFrame(stored: Uint8Array, keys: FrameKeys | undefined): { readonly raw: Uint8Array; readonly rawDigest: Buffer } {
  const header = readFrameHeader(stored);
  if (header.storedLength !== stored.length - frameHeaderBytes) throw corrupt(`it has ${stored.length - frameHeaderBytes} bytes where its header says ${header.storedLength}`);
  let payload = stored.subarray(frameHeaderBytes);
  let digest: Uint8Array = header.id;
  if (header.encrypted) {
    if (keys === undefined) throw new Failure('E_KEY', 'a frame is encrypted and no key was given');
    const plain = decrypt(stored, header, keys);
    digest = plain.subarray(0, digestBytes);
    payload = plain.subarray(digestBytes);
  } else if (keys !== undefined) {
    throw corrupt('it is not encrypted in an encrypted repository');
  }
  const raw = header.compressed ? decompress(payload, header.rawLength) : payload;
  if (raw.length !== header.rawLength) throw corrupt(`it holds ${raw.length} bytes where its header says ${header.rawLength}`);
  const rawDigest = hash('sha256', raw, 'buffer');
  if (!timingSafeEqual(rawDigest, digest)) throw corrupt('its content has another digest than it says');
  return { raw, rawDigest };
}

function decrypt(stored: Uint8Array, header: FrameHeader, keys: FrameKeys): Buffer {
  if (header.storedLength < digestBytes + tagBytes) throw corrupt('it is too short to be encrypted');
  const decipher = createDecipheriv('aes-256-gcm', createHmac('sha256', keys.frameKey).update(header.id).digest(), nonce);
  decipher.setAAD(stored.subarray(0, frameHeaderBytes));
  decipher.setAuthTag(stored.subarray(stored.length - tagBytes));
  try {
    const plain = decipher.update(stored.subarray(frameHeaderBytes, stored.length - tagBytes));
    decipher.final();
    return plain;
  } catch (cause) {
    throw corrupt('its authentication fails', cause);
  }
}

function decompress(payload: Uint8Array, rawLength: number): Uint8Array {
  if (rawLength === 0) throw corrupt('it is compressed and empty');
  try {
    return zstdDecompressSync(payload, { maxOutputLength: rawLength, chunkSize: Math.max(64, Math.min(rawLength, 8 << 20) + 1) });
  } catch (cause) {
    throw corrupt('it cannot be decompressed', cause);
  }
}

function corrupt(what: string, cause?: unknown): Failure {
  return new Failure('E_CORRUPT', `a frame is damaged: ${what}`, cause === undefined ? {} : { cause });
}
