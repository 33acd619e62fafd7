import { Failure } from '../../contracts/failure.ts';
import { orAborted } from '../orAborted.ts';
import type { ByteRange } from '../storageDriver.ts';
import type { SftpChannel } from './sftpChannel.ts';
import { hasStatus, sftpCodes } from './sftpStatus.ts';

/** Bytes under way per transfer: twice the window of an OpenSSH channel, so that it never runs dry; more only fills the memory. */
const UNDER_WAY_BYTES = 4 * 1024 * 1024;
/** A server that answers 32 KiB a request would else have more requests waiting than some take. */
const UNDER_WAY_REQUESTS = 64;
/** OpenSSH takes 255 KiB. */
const REQUEST_BYTES = 255 * 1024;
/** A large object goes onto the medium while more of it comes: at its end there is little to wait for. */
const SYNCHRONIZED_BYTES = 64 * 1024 * 1024;

/**
 * Writes blocks one after the other without waiting for each. Returns when all are sent: `written` settles when all are answered. Never throws
 * for an answer, as more requests on the handle may follow at once.
 */
export async function sendBlocks(channel: SftpChannel, handle: Buffer, blocks: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<{ readonly written: Promise<void> }> {
  const size = Math.min(channel.writeBytes, REQUEST_BYTES);
  const underWay: Promise<void>[] = [];
  const most = Math.max(1, Math.min(UNDER_WAY_REQUESTS, Math.floor(UNDER_WAY_BYTES / size)));
  let position = 0;
  const goOn = async (answer: Promise<void>): Promise<void> => {
    answer.catch(() => {});
    underWay.push(answer);
    if (underWay.length >= most) await orAborted(underWay.shift()!, signal);
  };
  for await (const block of blocks) {
    for (let offset = 0; offset < block.length; offset += size) {
      // ssh2 copies what it sends: the block may be used again.
      const data = Buffer.from(block.buffer, block.byteOffset + offset, Math.min(size, block.length - offset));
      const before = Math.floor(position / SYNCHRONIZED_BYTES);
      await goOn(channel.write(handle, data, position));
      position += data.length;
      if (channel.offers.fsync && Math.floor(position / SYNCHRONIZED_BYTES) > before) await goOn(channel.fsync(handle));
    }
  }
  const written = Promise.all(underWay).then(() => {});
  written.catch(() => {});
  return { written };
}

/**
 * The bytes of an open object, or of a range of it. They are asked for at once, while the server says how long it is.
 * @param opened its handle, and how long it was before
 * @throws Failure E_CORRUPT when it is shorter than the range
 */
export async function* readObject(channel: SftpChannel, opened: { readonly handle: Buffer; readonly length: number }, range: ByteRange | undefined, what: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const { handle, length } = opened;
  const partOf = (size: number): AsyncGenerator<Uint8Array> => {
    const { offset, length: wanted } = range ?? { offset: 0, length: size };
    if (offset + wanted > size) throw new Failure('E_CORRUPT', `bytes ${offset} to ${offset + wanted} asked of ${size}: ${what}`);
    return readAhead(channel, handle, offset, offset + wanted, what, signal);
  };
  const status = channel.fstat(handle);
  status.catch(() => {});
  let blocks = partOf(length);
  let first = blocks.next();
  first.catch(() => {});
  const { size } = await orAborted(status, signal);
  if (size !== length) {
    // Replaced just before it was opened.
    void blocks.return(undefined);
    blocks = partOf(size);
    first = blocks.next();
  }
  const { value, done } = await first;
  if (done === true) return;
  yield value;
  yield* blocks;
}

/** The bytes from `start` to `end` of an open file, asked for ahead. */
async function* readAhead(channel: SftpChannel, handle: Buffer, start: number, end: number, what: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const size = Math.min(channel.readBytes, REQUEST_BYTES);
  const most = Math.max(1, Math.min(UNDER_WAY_REQUESTS, Math.floor(UNDER_WAY_BYTES / size)));
  const underWay: Promise<Buffer>[] = [];
  let next = start;
  const ask = (): void => {
    while (next < end && underWay.length < most) {
      const answer = readWhole(channel, handle, next, Math.min(size, end - next), what);
      answer.catch(() => {});
      underWay.push(answer);
      next += size;
    }
  };
  ask();
  for (let answer = underWay.shift(); answer !== undefined; answer = underWay.shift()) {
    const part = await orAborted(answer, signal);
    ask();
    yield part;
  }
}

/** A server may answer with less than was asked for. */
async function readWhole(channel: SftpChannel, handle: Buffer, position: number, length: number, what: string): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  for (let filled = 0; filled < length; ) {
    const got = await channel.read(handle, filled === 0 ? buffer : buffer.subarray(filled), position + filled).catch((error: unknown) => {
      if (hasStatus(error, sftpCodes.endOfFile)) return 0;
      throw error;
    });
    if (got === 0) throw new Failure('E_CORRUPT', `ends at ${position + filled} instead of ${position + length} or later: ${what}`);
    filled += got;
  }
  return buffer;
}
