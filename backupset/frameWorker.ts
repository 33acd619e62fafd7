import { hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { Failure } from '../contracts/failure.ts';
import { buildFrame, openFrame, preparePayload } from './frame.ts';
import type { FrameAnswer, FrameJob } from './frameJob.ts';

/** Body of a frame thread: everything synchronous, one job after the other, buffers handed over instead of copied. */
const port = parentPort;
port?.on('message', (job: FrameJob) => {
  let answer: FrameAnswer;
  const transfer: ArrayBuffer[] = [];
  try {
    answer = { job: job.job, ok: true, result: job.op === 'encode' ? encode(job, transfer) : decode(job, transfer) };
  } catch (error) {
    transfer.length = 0;
    const known = error instanceof Failure;
    answer = { job: job.job, ok: false, code: known ? error.code : 'E_INTERNAL', message: known ? error.message : `a frame could not be made: ${String(error)}` };
  }
  port.postMessage(answer, transfer);
});

function encode(job: Extract<FrameJob, { op: 'encode' }>, transfer: ArrayBuffer[]): Extract<FrameAnswer, { ok: true }>['result'] {
  const payload = preparePayload(job.raw);
  const itemDigests = job.items.map(({ offset, length }) => hash('sha256', job.raw.subarray(offset, offset + length)));
  const frames = job.keys.map((keys) => {
    const frame = buildFrame(payload, keys);
    transfer.push(frame.buffer);
    return frame;
  });
  return { rawDigest: payload.rawDigest.toString('hex'), itemDigests, frames };
}

function decode(job: Extract<FrameJob, { op: 'decode' }>, transfer: ArrayBuffer[]): Extract<FrameAnswer, { ok: true }>['result'] {
  const { raw, rawDigest } = openFrame(job.stored, job.keys);
  // A view into a pooled or larger buffer cannot be handed over.
  const own = raw.byteLength === raw.buffer.byteLength && !(raw.buffer instanceof SharedArrayBuffer) && raw.buffer.byteLength > 8192 ? raw as Uint8Array<ArrayBuffer> : new Uint8Array(raw);
  transfer.push(own.buffer);
  return { rawDigest: rawDigest.toString('hex'), itemDigests: [], frames: [own] };
}
