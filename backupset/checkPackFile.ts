import { closeSync, constants, openSync, readSync } from 'node:fs';
import { Failure } from '../contracts/failure.ts';
import type { FrameKeys } from './frame.ts';
import { PackFrames } from './packFrames.ts';
import { PieceReader, type PiecePlace } from './pieceReader.ts';

/** Opens the pieces of a pack that is a file of this machine, in the order they lie in it. Returns the places of those that are wrong. @throws the system's error */
export function checkPackFile(path: string, pieces: readonly PiecePlace[], keys: FrameKeys | undefined, chunkBytes: number): number[] {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const frames = new PackFrames((into, position) => readSync(fd, into, 0, into.length, position), keys);
    return pieces.flatMap((piece, place) => (isRight(piece, frames, chunkBytes) ? [] : [place]));
  } finally {
    closeSync(fd);
  }
}

function isRight(piece: PiecePlace, frames: PackFrames, chunkBytes: number): boolean {
  try {
    const reader = new PieceReader(piece, chunkBytes);
    for (let at = piece.frameOffset; !reader.isDone;) {
      const frame = frames.open(at);
      reader.take(frame);
      at += frame.storedLength;
    }
    return true;
  } catch (error) {
    if (error instanceof Failure && (error.code === 'E_CORRUPT' || error.code === 'E_FORMAT')) return false;
    throw error;
  }
}
