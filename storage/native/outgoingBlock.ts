/** Memory for one block that is written: filled from its beginning, then written as a whole. */
export interface OutgoingBlock extends Disposable {
  readonly length: number;
  fill(bytes: Uint8Array, at: number): void;
  /** Settles with the answer. Its memory is of others afterwards. */
  write(handle: number, position: number): Promise<void>;
  /** Instead of writing it. */
  [Symbol.dispose](): void;
}
