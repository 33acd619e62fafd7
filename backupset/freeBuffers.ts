/** Gives the memory of buffers back at once: waiting for the garbage collector lets hundreds of megabytes pile up, and makes it work hard. They are empty afterwards. */
export function freeBuffers(buffers: Iterable<Uint8Array>): void {
  for (const { buffer } of buffers) if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}
