import type { NativeChild } from './nativeChild.ts';
import type { NativeEntry, NativeOffers, NativeOpenMode, NativeStatus } from './nativeFileSystem.ts';
import type { NativeConnected, NativeRequest } from './nativeRequest.ts';
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

  /** Fewer bytes only at the end of the file. */
  async pread(handle: number, position: number, length: number): Promise<Uint8Array> {
    const block = this.#memory?.take(length);
    if (block === undefined) return (await this.#child.request({ call: 'pread', handle, position, length })).bytes;
    try {
      return (await this.#child.request({ call: 'pread', handle, position, length, at: block.at }, undefined, undefined, (got) => this.#memory!.read(block, got as number))).bytes;
    } finally {
      this.#memory!.give(block);
    }
  }

  /** `sent` settles when the bytes may be changed again, `written` with the answer. */
  pwrite(handle: number, position: number, bytes: Uint8Array): { readonly sent: Promise<void>; readonly written: Promise<void> } {
    const block = this.#memory?.take(bytes.length);
    if (block !== undefined) {
      this.#memory!.write(block, bytes);
      const written = this.#child.request({ call: 'pwrite', handle, position, at: block.at, length: bytes.length }).then(() => {}).finally(() => this.#memory!.give(block));
      return { sent: Promise.resolve(), written };
    }
    const { promise: sent, resolve } = Promise.withResolvers<void>();
    const written = this.#child.request({ call: 'pwrite', handle, position }, bytes, resolve).then(() => {});
    written.catch(() => resolve());
    return { sent, written };
  }

  async #ask<T>(request: NativeRequest): Promise<T> {
    return (await this.#child.request(request)).value as T;
  }
}
