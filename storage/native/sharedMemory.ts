import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { NativeError } from './nativeError.ts';

/** As many blocks as are under way for one transfer. */
export const SHARED_BLOCKS = 4;
/** Less is not worth it. */
const LEAST_BYTES = 64 * 1024;

/** A piece of the memory, for one block under way. */
export interface SharedBlock {
  /** Where it begins. */
  readonly at: number;
}

/**
 * Memory of a child process that this one reads and writes, too: a pipe carries 64 KiB at a time, which costs more processor time than all the rest
 * of a transfer. Never waited for: who gets no block uses the pipe.
 */
export class SharedMemory implements Disposable {
  readonly #blockBytes: number;
  readonly #free: SharedBlock[];
  #file: number | undefined;

  /** @param file number of the open file in the child `pid`; without access to it there are no blocks */
  constructor(pid: number, file: number, blockBytes: number) {
    this.#blockBytes = blockBytes;
    try {
      this.#file = openSync(`/proc/${pid}/fd/${file}`, 'r+');
    } catch {
      this.#file = undefined;
    }
    this.#free = Array.from({ length: this.#file === undefined ? 0 : SHARED_BLOCKS }, (_, i) => ({ at: i * blockBytes }));
  }

  /** A block for so many bytes, if that is worth it and one is free. */
  take(length: number): SharedBlock | undefined {
    return length < LEAST_BYTES || length > this.#blockBytes ? undefined : this.#free.pop();
  }

  give(block: SharedBlock): void {
    this.#free.push(block);
  }

  /** @param from where in the block */
  write({ at }: SharedBlock, bytes: Uint8Array, from: number): void {
    if (this.#file === undefined) return;
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done, bytes.length - done, at + from + done);
  }

  /**
   * @param from where in the block
   * @throws NativeError when the memory is gone
   */
  read({ at }: SharedBlock, from: number, length: number): Uint8Array {
    if (this.#file === undefined) throw new NativeError('ENOTCONN', 'the child process ended, and its memory with it', true);
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) done += readSync(this.#file, bytes, done, length - done, at + from + done);
    return bytes;
  }

  [Symbol.dispose](): void {
    this.#free.length = 0;
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
