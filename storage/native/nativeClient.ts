import type { IncomingBlock } from './incomingBlock.ts';
import type { NativeChild } from './nativeChild.ts';
import type { NativeEntry, NativeOffers, NativeOpenMode, NativeStatus } from './nativeFileSystem.ts';
import type { NativeConnected, NativeRequest } from './nativeRequest.ts';
import type { OutgoingBlock } from './outgoingBlock.ts';
import { SharedMemory } from './sharedMemory.ts';

/** The calls of `NativeFileSystem` as the worker makes them: the child process answers, in their order. */
export class NativeClient {
  readonly offers: NativeOffers;
  readonly #child: NativeChild;
  readonly #memory: SharedMemory | undefined;

  constructor(child: NativeChild, { offers, memory }: NativeConnected) {
    this.#child = child;
    this.offers = offers;
    if (memory !== undefined && child.pid !== undefined) this.#memory = new SharedMemory(child.pid, memory, offers.blockBytes);
    if (this.#memory !== undefined) child.onEnd(this.#memory);
  }

  /** Whether the child is gone: nothing more can be asked. */
  get ended(): boolean {
    return this.#child.ended;
  }

  open = (path: string, mode: NativeOpenMode): Promise<number> => this.#ask({ call: 'open', path, mode });
  /** SHA-256 of what was written into a file that was made with `createNew`, as the child saw it. */
  digest = (handle: number): Promise<string> => this.#ask({ call: 'digest', handle });
  fsync = (handle: number): Promise<void> => this.#ask({ call: 'fsync', handle });
  fstat = (handle: number): Promise<NativeStatus> => this.#ask({ call: 'fstat', handle });
  close = (handle: number): Promise<void> => this.#ask({ call: 'close', handle });
  stat = (path: string): Promise<NativeStatus> => this.#ask({ call: 'stat', path });
  rename = (from: string, to: string): Promise<void> => this.#ask({ call: 'rename', from, to });
  link = (from: string, to: string): Promise<void> => this.#ask({ call: 'link', from, to });
  unlink = (path: string): Promise<void> => this.#ask({ call: 'unlink', path });
  mkdir = (path: string): Promise<void> => this.#ask({ call: 'mkdir', path });
  rmdir = (path: string): Promise<void> => this.#ask({ call: 'rmdir', path });
  readdir = (path: string): Promise<readonly NativeEntry[]> => this.#ask({ call: 'readdir', path });
  syncFolder = (path: string): Promise<void> => this.#ask({ call: 'syncFolder', path });
  statvfs = (path: string): Promise<{ readonly freeBytes: number | undefined; readonly totalBytes: number | undefined }> => this.#ask({ call: 'statvfs', path });

  /** A whole block at once: fewer bytes only at the end of the file. */
  async read(handle: number, position: number, length: number): Promise<Uint8Array> {
    using block = await this.pread(handle, position, length);
    return block.part(0, block.length);
  }

  /** Fewer bytes only at the end of the file. */
  async pread(handle: number, position: number, length: number): Promise<IncomingBlock> {
    const shared = this.#memory?.take(length);
    if (shared === undefined) {
      const { bytes } = await this.#child.request({ call: 'pread', handle, position, length });
      return { length: bytes.length, part: (from, wanted) => new Uint8Array(bytes.subarray(from, from + wanted)), [Symbol.dispose]() {} };
    }
    const give = (): void => this.#memory!.give(shared);
    try {
      const { value } = await this.#child.request({ call: 'pread', handle, position, length, at: shared.at });
      return { length: value as number, part: (from, wanted) => this.#memory!.read(shared, from, wanted), [Symbol.dispose]: give };
    } catch (error) {
      give();
      throw error;
    }
  }

  /** Memory for a block to be written: where the child sees it, too, as long as there is such memory; else it goes through the pipe. */
  block(length: number): OutgoingBlock {
    const request = async (handle: number, position: number, more: { readonly at: number; readonly length: number } | undefined, bytes?: Uint8Array): Promise<void> => void (await this.#child.request({ call: 'pwrite', handle, position, ...more }, bytes));
    const shared = this.#memory?.take(length);
    if (shared === undefined) {
      const own = Buffer.allocUnsafe(length);
      return { length, fill: (bytes, at) => own.set(bytes, at), write: (handle, position) => request(handle, position, undefined, own), [Symbol.dispose]() {} };
    }
    const give = (): void => this.#memory!.give(shared);
    return {
      length,
      fill: (bytes, at) => this.#memory!.write(shared, bytes, at),
      write: (handle, position) => request(handle, position, { at: shared.at, length }).finally(give),
      [Symbol.dispose]: give,
    };
  }

  async #ask<T>(request: NativeRequest): Promise<T> {
    return (await this.#child.request(request)).value as T;
  }
}
