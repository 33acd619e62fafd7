import { createHash, type Hash } from 'node:crypto';
import { NativeError } from './nativeError.ts';

/** What the digests are of the files that a child process made, taken as their bytes pass on to the library: from the beginning, one block after the other. */
export class WrittenDigests {
  readonly #files = new Map<number, { readonly hash: Hash; length: number }>();

  begin(handle: number): void {
    this.#files.set(handle, { hash: createHash('sha256'), length: 0 });
  }

  add(handle: number, bytes: Uint8Array, position: number): void {
    const file = this.#files.get(handle);
    if (file === undefined) return;
    // Of bytes in another order there is none.
    if (position !== file.length) return this.end(handle);
    file.hash.update(bytes);
    file.length += bytes.length;
  }

  /** SHA-256 of what was written so far, lower-case hex. @throws NativeError */
  of(handle: number): string {
    const file = this.#files.get(handle);
    if (file === undefined) throw new NativeError('EBADF', `nothing was written into a new file ${handle}, or not in order`);
    return file.hash.copy().digest('hex');
  }

  end(handle: number): void {
    this.#files.delete(handle);
  }
}
