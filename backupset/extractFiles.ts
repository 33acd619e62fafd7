import * as fs from 'node:fs';
import { Failure } from '../contracts/failure.ts';
import type { FailureCode } from '../contracts/failures.ts';
import type { PackStretch } from './fetchStretches.ts';
import type { FrameKeys } from './frame.ts';
import { PackFrames } from './packFrames.ts';
import { PieceReader, type PiecePlace } from './pieceReader.ts';

/** A file that is to be written from packs that are files of this machine, or of which the stretches needed are here. */
export interface FileToExtract {
  /** Its pieces in order, each with the path of its pack where that is a file. */
  readonly pieces: readonly (PiecePlace & { readonly path?: string })[];
  readonly length: number;
  readonly partial: string;
  readonly path: string;
  readonly mode: number | undefined;
  /** Milliseconds. */
  readonly modifiedAt: number | undefined;
}

const lookedAtBefore = 1 << 20;

/** Writes files one after the other; each appears under its name when all of it was checked. Returns why some did not come out, by their place. */
export function extractFiles(files: readonly FileToExtract[], stretches: readonly PackStretch[], overwrite: boolean, keys: FrameKeys | undefined, chunkBytes: number): { readonly item: number; readonly code: FailureCode; readonly message: string }[] {
  const packs = new OpenPacks(stretches, keys);
  try {
    return files.flatMap((file, item) => {
      try {
        extract(file, overwrite, packs, chunkBytes);
        return [];
      } catch (error) {
        fs.rmSync(file.partial, { force: true });
        const failure = failureOf(error, file);
        return [{ item, code: failure.code, message: failure.message }];
      }
    });
  } finally {
    packs.close();
  }
}

function extract(file: FileToExtract, overwrite: boolean, packs: OpenPacks, chunkBytes: number): void {
  // Of small ones the link finds out: that costs less than looking.
  if (!overwrite && file.length > lookedAtBefore && fs.lstatSync(file.path, { throwIfNoEntry: false }) !== undefined) throw exists(file);
  // Never through a link that somebody put there.
  const fd = fs.openSync(file.partial, fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW, 0o600);
  try {
    let length = 0;
    for (const piece of file.pieces) {
      const frames = packs.of(piece);
      const reader = new PieceReader(piece, chunkBytes);
      for (let at = piece.frameOffset; !reader.isDone;) {
        const frame = frames.open(at);
        const part = reader.take(frame);
        for (let written = 0; written < part.length;) written += fs.writeSync(fd, part, written, part.length - written);
        length += part.length;
        at += frame.storedLength;
      }
    }
    if (length !== file.length) throw new Failure('E_CORRUPT', `${file.path}: its content has ${length} instead of ${file.length} bytes`);
    if (file.mode !== undefined && file.mode !== 0o600) fs.fchmodSync(fd, file.mode);
    if (file.modifiedAt !== undefined) fs.futimesSync(fd, file.modifiedAt / 1000, file.modifiedAt / 1000);
  } finally {
    fs.closeSync(fd);
  }
  if (overwrite) {
    fs.renameSync(file.partial, file.path);
  } else {
    fs.linkSync(file.partial, file.path);
    fs.unlinkSync(file.partial);
  }
}

function exists(file: FileToExtract): Failure {
  return new Failure('E_TARGET_EXISTS', `${file.path} exists already`);
}

function failureOf(error: unknown, file: FileToExtract): Failure {
  if (error instanceof Failure) return error;
  const name = (error as NodeJS.ErrnoException).code;
  if (name === 'EEXIST' || name === 'EISDIR' || name === 'ENOTEMPTY') return exists(file);
  return new Failure('E_INTERNAL', `${file.path} cannot be written: ${String((error as Error).message)}`);
}

/** The pack that was read last stays open: files in key order lie one after the other. */
class OpenPacks {
  readonly #stretches: readonly PackStretch[];
  readonly #keys: FrameKeys | undefined;
  #open: { readonly name: string; readonly fd?: number; readonly frames: PackFrames } | undefined;

  constructor(stretches: readonly PackStretch[], keys: FrameKeys | undefined) {
    this.#stretches = stretches;
    this.#keys = keys;
  }

  of({ pack, path }: FileToExtract['pieces'][number]): PackFrames {
    if (this.#open?.name !== (path ?? pack)) {
      this.close();
      this.#open = path === undefined ? { name: pack, frames: new PackFrames(this.#readerOf(pack), this.#keys) } : { name: path, ...this.#file(path) };
    }
    return this.#open!.frames;
  }

  close(): void {
    if (this.#open?.fd !== undefined) fs.closeSync(this.#open.fd);
    this.#open = undefined;
  }

  #readerOf(pack: string): (into: Uint8Array, position: number) => number {
    const mine = this.#stretches.filter((each) => each.pack === pack);
    return (into, position) => {
      const stretch = mine.find(({ offset, bytes }) => position >= offset && position < offset + bytes.length);
      if (stretch === undefined) return 0;
      const part = stretch.bytes.subarray(position - stretch.offset, position - stretch.offset + into.length);
      into.set(part);
      return part.length;
    };
  }

  #file(path: string): { readonly fd: number; readonly frames: PackFrames } {
    try {
      const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
      return { fd, frames: new PackFrames((into, position) => fs.readSync(fd, into, 0, into.length, position), this.#keys) };
    } catch (cause) {
      const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      throw new Failure(missing ? 'E_OBJECT_NOT_FOUND' : 'E_DESTINATION_UNREACHABLE', `a pack cannot be read: ${(cause as Error).message}`, { cause });
    }
  }
}
