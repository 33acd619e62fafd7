import type { FailureCode } from '../contracts/failures.ts';
import type { FileToExtract } from './extractFiles.ts';
import type { PackStretch } from './fetchStretches.ts';
import type { FrameKeys } from './frame.ts';
import type { PiecePlace } from './pieceReader.ts';

/** A stretch of a file of this machine. */
export interface FileStretch {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** What a frame thread is asked. Buffers are handed over. `known`: a digest; of content that has it no frame is made. */
export type FrameJob =
  | { readonly job: number; readonly op: 'encode'; readonly raw: Uint8Array; readonly keys: readonly (FrameKeys | undefined)[]; readonly items: readonly { readonly offset: number; readonly length: number }[]; readonly known: string | undefined }
  | { readonly job: number; readonly op: 'encodeFiles'; readonly files: readonly FileStretch[]; readonly keys: readonly (FrameKeys | undefined)[]; readonly known: string | undefined }
  | { readonly job: number; readonly op: 'decode'; readonly stored: Uint8Array; readonly keys: FrameKeys | undefined }
  | { readonly job: number; readonly op: 'digest'; readonly path: string }
  | { readonly job: number; readonly op: 'checkPack'; readonly path: string; readonly pieces: readonly PiecePlace[]; readonly keys: FrameKeys | undefined; readonly chunkBytes: number }
  | { readonly job: number; readonly op: 'extract'; readonly files: readonly FileToExtract[]; readonly stretches: readonly PackStretch[]; readonly overwrite: boolean; readonly keys: FrameKeys | undefined; readonly chunkBytes: number };

/** Result of a job. */
export interface FrameResult {
  readonly rawDigest: string;
  /** In the order of the items; empty for a file that could not be read. */
  readonly itemDigests: string[];
  /** Files that could not be read or written, by their place, and why. */
  readonly failed?: readonly { readonly item: number; readonly code: FailureCode; readonly message: string }[];
  /** One per key; of a decode: the raw bytes; none of content that is known. */
  readonly frames: Uint8Array[];
  /** Bytes that were read. */
  readonly length: number;
  /** Of a check: pieces that are wrong, by their place. */
  readonly wrong?: readonly number[];
}

/** What it answers. */
export type FrameAnswer =
  | { readonly job: number; readonly ok: true; readonly result: FrameResult }
  | { readonly job: number; readonly ok: false; readonly code: FailureCode; readonly message: string };
