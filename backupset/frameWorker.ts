import { hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { Failure } from '../contracts/failure.ts';
import type { FailureCode } from '../contracts/failures.ts';
import { checkPackFile } from './checkPackFile.ts';
import { extractFiles } from './extractFiles.ts';
import { buildFrame, openFrame, preparePayload, type FrameKeys } from './frame.ts';
import type { FrameAnswer, FrameJob, FrameResult } from './frameJob.ts';
import { freeBuffers } from './freeBuffers.ts';
import { digestFile, readStretch } from './localFiles.ts';

/** Body of a frame thread: everything synchronous, one job after the other, buffers handed over instead of copied. */
const port = parentPort;
port?.on('message', (job: FrameJob) => {
  let answer: FrameAnswer;
  const transfer: ArrayBuffer[] = [];
  try {
    answer = { job: job.job, ok: true, result: perform(job, transfer) };
  } catch (error) {
    transfer.length = 0;
    answer = { job: job.job, ok: false, ...saying(error, 'a frame could not be made') };
  }
  port.postMessage(answer, transfer);
});

function perform(job: FrameJob, transfer: ArrayBuffer[]): FrameResult {
  switch (job.op) {
    case 'encode': {
      const made = encode(job.raw, job.items, job, transfer);
      // It was handed over, and is in the frames now.
      freeBuffers([job.raw]);
      return made;
    }
    case 'encodeFiles': return encodeFiles(job, transfer);
    case 'decode': return decode(job, transfer);
    case 'checkPack': return { rawDigest: '', itemDigests: [], frames: [], length: 0, wrong: checkPackFile(job.path, job.pieces, job.keys, job.chunkBytes) };
    case 'extract': return { rawDigest: '', itemDigests: [], frames: [], length: 0, failed: extractFiles(job.files, job.stretches, job.overwrite, job.keys, job.chunkBytes) };
    case 'digest': {
      const { sha256, length } = digestFile(job.path);
      return { rawDigest: sha256, itemDigests: [], frames: [], length };
    }
  }
}

function encode(raw: Uint8Array, items: readonly { readonly offset: number; readonly length: number }[], { keys, known }: { readonly keys: readonly (FrameKeys | undefined)[]; readonly known: string | undefined }, transfer: ArrayBuffer[]): FrameResult {
  const rawDigest = hash('sha256', raw, 'buffer');
  const digest = rawDigest.toString('hex');
  if (digest === known) return { rawDigest: digest, itemDigests: [digest], frames: [], length: raw.length };
  const itemDigests = items.length === 1 && items[0]!.length === raw.length ? [digest] : items.map(({ offset, length }) => hash('sha256', raw.subarray(offset, offset + length)));
  const payload = preparePayload(raw, rawDigest);
  const frames = keys.map((key) => {
    const frame = buildFrame(payload, key);
    transfer.push(frame.buffer);
    return frame;
  });
  // What the compressor gave was copied into the frames.
  if (payload.compressed && payload.payload.buffer.byteLength > Buffer.poolSize) freeBuffers([payload.payload]);
  return { rawDigest: digest, itemDigests, frames, length: raw.length };
}

/** Files that are read here never touch the main thread. One that cannot be read is left out, and the others come. */
let buffer = new Uint8Array(1 << 20);
function encodeFiles(job: Extract<FrameJob, { op: 'encodeFiles' }>, transfer: ArrayBuffer[]): FrameResult {
  const total = job.files.reduce((sum, each) => sum + each.length, 0);
  if (buffer.length < total) buffer = new Uint8Array(total);
  const items: { offset: number; length: number }[] = [];
  const failed: { item: number; code: FailureCode; message: string }[] = [];
  let filled = 0;
  for (const [item, file] of job.files.entries()) {
    try {
      readStretch(file, buffer.subarray(filled, filled + file.length));
      items.push({ offset: filled, length: file.length });
      filled += file.length;
    } catch (error) {
      failed.push({ item, ...saying(error, `${file.path} cannot be read`) });
    }
  }
  if (failed.length === 0) return encode(buffer.subarray(0, filled), items, job, transfer);
  const done = filled === 0 ? { rawDigest: '', itemDigests: [], frames: [], length: 0 } : encode(buffer.subarray(0, filled), items, job, transfer);
  let read = 0;
  return { ...done, failed, itemDigests: job.files.map((_, item) => (failed.some((each) => each.item === item) ? '' : done.itemDigests[read++]!)) };
}

function decode(job: Extract<FrameJob, { op: 'decode' }>, transfer: ArrayBuffer[]): FrameResult {
  const { length } = job.stored;
  const { raw, rawDigest } = openFrame(job.stored, job.keys);
  // A view into a pooled or larger buffer cannot be handed over.
  const own = raw.byteLength === raw.buffer.byteLength && !(raw.buffer instanceof SharedArrayBuffer) && raw.buffer.byteLength > 8192 ? raw as Uint8Array<ArrayBuffer> : new Uint8Array(raw);
  transfer.push(own.buffer);
  freeBuffers([job.stored, ...(raw.buffer.byteLength > Buffer.poolSize ? [raw] : [])].filter((each) => each.buffer !== own.buffer));
  return { rawDigest: rawDigest.toString('hex'), itemDigests: [], frames: [own], length };
}

function saying(error: unknown, what: string): { readonly code: FailureCode; readonly message: string } {
  return error instanceof Failure ? { code: error.code, message: error.message } : { code: 'E_INTERNAL', message: `${what}: ${String(error)}` };
}
