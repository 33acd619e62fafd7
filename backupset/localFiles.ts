import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { Failure } from '../contracts/failure.ts';
import type { FileStretch } from './frameJob.ts';

const blockBytes = 1 << 20;

/** Fills `into` with a stretch of a file. @throws Failure E_SOURCE_PATH, E_SOURCE_DENIED, E_CORRUPT when the file is shorter, E_SOURCE_UNREACHABLE */
export function readStretch({ path, offset, length }: FileStretch, into: Uint8Array): void {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      for (let at = 0; at < length;) {
        const count = readSync(fd, into, at, length - at, offset + at);
        if (count === 0) throw new Failure('E_CORRUPT', `${path} ends at ${offset + at}, before the ${offset + length} bytes that were listed`);
        at += count;
      }
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    const name = (error as NodeJS.ErrnoException).code ?? '';
    const code = name === 'ENOENT' || name === 'ENOTDIR' || name === 'ELOOP' ? 'E_SOURCE_PATH' : name === 'EACCES' || name === 'EPERM' ? 'E_SOURCE_DENIED' : 'E_SOURCE_UNREACHABLE';
    throw new Failure(code, `${path} cannot be read: ${name}`, { cause: error });
  }
}

/** Digest and length of a whole file. @throws the system's error */
export function digestFile(path: string): { readonly sha256: string; readonly length: number } {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const hash = createHash('sha256');
    const block = Buffer.allocUnsafeSlow(blockBytes);
    let length = 0;
    for (let count = readSync(fd, block, 0, blockBytes, 0); count > 0; count = readSync(fd, block, 0, blockBytes, length)) {
      hash.update(block.subarray(0, count));
      length += count;
    }
    return { sha256: hash.digest('hex'), length };
  } finally {
    closeSync(fd);
  }
}
