/** Gives the memory of a buffer back at once if nobody else has a part of it: small ones are cut from a common one, of the size of the pool. It is empty afterwards. */
export function freeOwnBuffer({ buffer, byteLength }: Uint8Array): void {
  if (byteLength === buffer.byteLength && byteLength !== Buffer.poolSize && buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}
