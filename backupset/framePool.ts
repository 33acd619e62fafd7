import { Worker } from 'node:worker_threads';
import { Failure } from '../contracts/failure.ts';
import type { FrameKeys } from './frame.ts';
import type { FileToExtract } from './extractFiles.ts';
import type { PackStretch } from './fetchStretches.ts';
import type { PiecePlace } from './pieceReader.ts';
import type { FileStretch, FrameAnswer, FrameJob, FrameResult } from './frameJob.ts';

/** Threads that hash, compress and encrypt: the processor work of everything the product stores and reads. */
export interface FramePool extends AsyncDisposable {
  /**
   * Makes a frame of `raw`, whose buffer it takes over. One finished frame, header included, per key; the same object for equal keys.
   * `itemDigests`: SHA-256 of the stretches in `items`. `known`: a digest; content that has it makes no frames. `rank`: what has a lower one goes first;
   * without it everything else does, as somebody waits for it.
   */
  encode(raw: Uint8Array<ArrayBuffer>, keys: readonly (FrameKeys | undefined)[], items?: readonly { readonly offset: number; readonly length: number }[], known?: string, rank?: number): Promise<FrameResult>;
  /** Makes one frame of stretches of files of this machine, which are read on the thread. One that cannot be read is not in it, and its item says why. */
  encodeFiles(files: readonly FileStretch[], keys: readonly (FrameKeys | undefined)[], known?: string, rank?: number): Promise<FrameResult>;
  /** Opens the pieces of a pack that is a file of this machine, in the order they lie in it, on the thread. Returns the places of those that are wrong. */
  checkPack(path: string, pieces: readonly PiecePlace[], keys: FrameKeys | undefined, chunkBytes: number): Promise<readonly number[]>;
  /** Writes files from packs that are files of this machine, or from stretches of them, which it takes over, on the thread. Returns why some did not come out, by their place. */
  extract(files: readonly FileToExtract[], stretches: readonly PackStretch[], overwrite: boolean, keys: FrameKeys | undefined, chunkBytes: number): Promise<NonNullable<FrameResult['failed']>>;
  /** SHA-256 and length of a file of this machine, read on the thread. @throws Failure E_INTERNAL with the system's error when it cannot be read */
  digest(path: string): Promise<{ readonly sha256: string; readonly length: number }>;
  /** Opens exactly one frame and checks it. @throws Failure E_CORRUPT, E_FORMAT, E_KEY */
  decode(stored: Uint8Array, keys: FrameKeys | undefined): Promise<Uint8Array>;
  /** Like `decode`, with the digest of the raw bytes that was just checked. */
  open(stored: Uint8Array, keys: FrameKeys | undefined): Promise<{ raw: Uint8Array; rawDigest: string }>;
}

interface Waiting {
  readonly job: FrameJob;
  readonly transfer: ArrayBuffer[];
  readonly rank: number;
  readonly resolve: (result: FrameResult) => void;
  readonly reject: (error: Error) => void;
}

/** Of V8, for new objects of a thread: nearly nothing of them lives on, and what it could use it would keep. In a worker a flag decides instead. */
const threadYoungMiB = 3;

/** One in work and one ready, so that a thread never waits for the main thread. */
const perThread = 2;

export function createFramePool({ threads }: { readonly threads: number }): FramePool {
  return new ThreadPool(threads);
}

/** A thread and what it was given. */
class Thread {
  readonly worker: Worker;
  readonly jobs = new Map<number, Waiting>();

  constructor(done: (thread: Thread) => void, died: (thread: Thread, why: unknown) => void) {
    this.worker = new Worker(new URL('./frameWorker.ts', import.meta.url), { execArgv: [], name: 'frames', resourceLimits: { maxYoungGenerationSizeMb: threadYoungMiB } });
    // Idle threads do not keep a command alive.
    this.worker.unref();
    this.worker.on('message', (answer: FrameAnswer) => {
      const waiting = this.jobs.get(answer.job);
      this.jobs.delete(answer.job);
      if (answer.ok) waiting?.resolve(answer.result);
      else waiting?.reject(new Failure(answer.code, answer.message));
      done(this);
    });
    this.worker.on('messageerror', (error) => died(this, error));
    this.worker.on('error', (error) => died(this, error));
    this.worker.on('exit', (code) => died(this, `exit code ${code}`));
  }
}

class ThreadPool implements FramePool {
  readonly #queue: Waiting[] = [];
  readonly #threads: Thread[] = [];
  readonly #size: number;
  #next = 0;
  #closed = false;

  constructor(threads: number) {
    this.#size = Math.max(1, threads);
  }

  async encode(raw: Uint8Array<ArrayBuffer>, keys: readonly (FrameKeys | undefined)[], items: readonly { readonly offset: number; readonly length: number }[] = [], known?: string, rank?: number): Promise<FrameResult> {
    const own = ownBuffer(raw);
    return await forEachKey(keys, (distinct) => this.#run({ job: this.#next++, op: 'encode', raw: own, keys: distinct, items, known }, [own.buffer], rank));
  }

  async encodeFiles(files: readonly FileStretch[], keys: readonly (FrameKeys | undefined)[], known?: string, rank?: number): Promise<FrameResult> {
    return await forEachKey(keys, (distinct) => this.#run({ job: this.#next++, op: 'encodeFiles', files, keys: distinct, known }, [], rank));
  }

  async checkPack(path: string, pieces: readonly PiecePlace[], keys: FrameKeys | undefined, chunkBytes: number): Promise<readonly number[]> {
    return (await this.#run({ job: this.#next++, op: 'checkPack', path, pieces, keys: bare(keys), chunkBytes }, [])).wrong ?? [];
  }

  async extract(files: readonly FileToExtract[], stretches: readonly PackStretch[], overwrite: boolean, keys: FrameKeys | undefined, chunkBytes: number): Promise<NonNullable<FrameResult['failed']>> {
    return (await this.#run({ job: this.#next++, op: 'extract', files, stretches, overwrite, keys: bare(keys), chunkBytes }, stretches.map((each) => each.bytes.buffer))).failed ?? [];
  }

  async digest(path: string): Promise<{ readonly sha256: string; readonly length: number }> {
    const { rawDigest, length } = await this.#run({ job: this.#next++, op: 'digest', path }, []);
    return { sha256: rawDigest, length };
  }

  async decode(stored: Uint8Array, keys: FrameKeys | undefined): Promise<Uint8Array> {
    return (await this.open(stored, keys)).raw;
  }

  async open(stored: Uint8Array, keys: FrameKeys | undefined): Promise<{ raw: Uint8Array; rawDigest: string }> {
    const copy = new Uint8Array(stored);
    const result = await this.#run({ job: this.#next++, op: 'decode', stored: copy, keys: bare(keys) }, [copy.buffer]);
    return { raw: result.frames[0]!, rawDigest: result.rawDigest };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const error = new Failure('E_INTERNAL', 'the frame threads were stopped');
    for (const waiting of this.#queue.splice(0)) waiting.reject(error);
    for (const thread of this.#threads) for (const waiting of thread.jobs.values()) waiting.reject(error);
    await Promise.all(this.#threads.splice(0).map((thread) => thread.worker.terminate()));
  }

  #run(job: FrameJob, transfer: ArrayBuffer[], rank = 0): Promise<FrameResult> {
    if (this.#closed) return Promise.reject(new Failure('E_INTERNAL', 'the frame threads were stopped'));
    return new Promise((resolve, reject) => {
      this.#queue.splice(this.#queue.findLastIndex((each) => each.rank <= rank) + 1, 0, { job, transfer, rank, resolve, reject });
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      let free = this.#threads.reduce<Thread | undefined>((best, each) => (best === undefined || each.jobs.size < best.jobs.size ? each : best), undefined);
      if ((free === undefined || free.jobs.size > 0) && this.#threads.length < this.#size) {
        free = new Thread((thread) => this.#settled(thread), (thread, why) => this.#buried(thread, why));
        this.#threads.push(free);
      }
      if (free === undefined || free.jobs.size >= perThread) return;
      const waiting = this.#queue.shift()!;
      if (free.jobs.size === 0) free.worker.ref();
      free.jobs.set(waiting.job.job, waiting);
      free.worker.postMessage(waiting.job, waiting.transfer);
    }
  }

  #settled(thread: Thread): void {
    if (thread.jobs.size === 0) thread.worker.unref();
    this.#dispatch();
  }

  /** A thread that died takes its jobs with it; the next job gets a new one. */
  #buried(thread: Thread, why: unknown): void {
    const place = this.#threads.indexOf(thread);
    if (place < 0) return;
    this.#threads.splice(place, 1);
    const error = new Failure('E_INTERNAL', 'a frame thread died', { cause: why });
    for (const waiting of thread.jobs.values()) waiting.reject(error);
    thread.jobs.clear();
    void thread.worker.terminate();
    if (!this.#closed) this.#dispatch();
  }
}

/** One frame per key; equal keys share one. */
async function forEachKey(keys: readonly (FrameKeys | undefined)[], encode: (distinct: readonly (FrameKeys | undefined)[]) => Promise<FrameResult>): Promise<FrameResult> {
  const distinct: (FrameKeys | undefined)[] = [];
  const places = keys.map((key) => {
    const found = distinct.findIndex((each) => isSame(each, key));
    return found >= 0 ? found : distinct.push(key) - 1;
  });
  const result = await encode(distinct.map(bare));
  return { ...result, frames: result.frames.length === 0 ? [] : places.map((place) => result.frames[place]!) };
}

/** Only what frames need travels to a thread. */
function bare(keys: FrameKeys | undefined): FrameKeys | undefined {
  return keys === undefined ? undefined : { idKey: new Uint8Array(keys.idKey), frameKey: new Uint8Array(keys.frameKey) };
}

function isSame(a: FrameKeys | undefined, b: FrameKeys | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a.idKey, b.idKey) === 0 && Buffer.compare(a.frameKey, b.frameKey) === 0;
}

/** A view of a part of a buffer is copied: handing over the rest would take it away from its owner. */
function ownBuffer(raw: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return raw.byteLength === raw.buffer.byteLength && !(raw instanceof Buffer && raw.byteLength <= Buffer.poolSize) ? raw : new Uint8Array(raw);
}
