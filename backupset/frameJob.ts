import type { FailureCode } from '../contracts/failures.ts';
import type { FrameKeys } from './frame.ts';

/** What a frame thread is asked. Buffers are handed over. */
export type FrameJob =
  | { readonly job: number; readonly op: 'encode'; readonly raw: Uint8Array; readonly keys: readonly (FrameKeys | undefined)[]; readonly items: readonly { readonly offset: number; readonly length: number }[] }
  | { readonly job: number; readonly op: 'decode'; readonly stored: Uint8Array; readonly keys: FrameKeys | undefined };

/** What it answers. `frames` of a decode: the raw bytes. */
export type FrameAnswer =
  | { readonly job: number; readonly ok: true; readonly result: { readonly rawDigest: string; readonly itemDigests: string[]; readonly frames: Uint8Array[] } }
  | { readonly job: number; readonly ok: false; readonly code: FailureCode; readonly message: string };
