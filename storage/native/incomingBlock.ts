/** One block that was read, until it is disposed of: then its memory is of others. */
export interface IncomingBlock extends Disposable {
  readonly length: number;
  /** Some of it, in memory of its own. @throws NativeError when the block went with its child process */
  part(from: number, length: number): Uint8Array;
}
