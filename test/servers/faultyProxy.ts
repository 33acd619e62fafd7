import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A line to a server on this machine, and what is wrong with it; may be changed while it is used. */
export interface FaultyProxy extends AsyncDisposable {
  readonly port: number;
  /** Every connection is reset after so many bytes to the server. */
  resetAfter: number | undefined;
  /** One bit is turned, once, after so many more bytes on the way to the server (`up`) or back. */
  flip: { readonly way: 'up' | 'down'; readonly after: number } | undefined;
  /** Nothing passes any more, and nobody is told. */
  stalled: boolean;
  bytesPerSecond: number | undefined;
  /** How long everything is on its way, in either direction; may be set before there is a connection. */
  delayMs: number;
  /** How many connections there were. */
  connections: number;
}

/** Starts one. TCP only: it does not know what passes. */
export async function startFaultyProxy(to: number): Promise<FaultyProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    proxy.connections++;
    const far = createConnection({ host: '127.0.0.1', port: to, noDelay: true });
    near.setNoDelay(true);
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}).on('close', () => void (sockets.delete(socket), near.destroy(), far.destroy())));
    void pass(near, far, 'up');
    void pass(far, near, 'down');
  });
  const proxy: FaultyProxy = {
    port: 0, resetAfter: undefined, flip: undefined, stalled: false, bytesPerSecond: undefined, delayMs: 0, connections: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  async function pass(from: Socket, into: Socket, way: 'up' | 'down'): Promise<void> {
    let passed = 0;
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        while (proxy.stalled) await sleep(50, undefined, { ref: false });
        if (proxy.flip?.way === way) {
          const { after } = proxy.flip;
          if (after < chunk.length) chunk[after]! ^= 1;
          proxy.flip = after < chunk.length ? undefined : { way, after: after - chunk.length };
        }
        passed += chunk.length;
        if (proxy.resetAfter !== undefined && way === 'up' && passed > proxy.resetAfter) {
          from.resetAndDestroy();
          return;
        }
        if (proxy.bytesPerSecond !== undefined) await sleep((chunk.length / proxy.bytesPerSecond) * 1000);
        if (proxy.delayMs > 0) setTimeout(() => into.write(chunk), proxy.delayMs);
        else if (!into.write(chunk)) await new Promise((resolve) => into.once('drain', resolve).once('close', resolve));
      }
      if (proxy.delayMs > 0) setTimeout(() => into.end(), proxy.delayMs);
      else into.end();
    } catch {
      // The other side ends with it.
    }
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(proxy, { port: (server.address() as AddressInfo).port });
}
