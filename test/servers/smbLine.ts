import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

/** What a client sent, as anybody on the line sees it. */
export interface SmbMessage {
  readonly kind: 'encrypted' | 'signed' | 'bare';
  /** Of SMB 2; undefined where it is encrypted. */
  readonly command: number | undefined;
}

/** A line to an SMB server on this machine on which somebody listens. */
export interface SmbLine extends AsyncDisposable {
  readonly port: number;
  readonly messages: readonly SmbMessage[];
}

/** Opens one. */
export async function watchLine(to: number): Promise<SmbLine> {
  const sockets = new Set<Socket>();
  const messages: SmbMessage[] = [];
  const server = createServer((near) => {
    const far = createConnection({ host: '127.0.0.1', port: to });
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}).on('close', () => void (near.destroy(), far.destroy())));
    far.pipe(near);
    near.pipe(far);
    let waiting = Buffer.alloc(0);
    near.on('data', (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk]);
      // Each message after its length, in the low three of four bytes.
      for (let length = lengthOf(waiting); length !== undefined; length = lengthOf(waiting)) {
        messages.push(...messageOf(waiting.subarray(4, 4 + length)));
        waiting = waiting.subarray(4 + length);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    messages,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function lengthOf(waiting: Buffer): number | undefined {
  const length = waiting.length < 4 ? undefined : waiting.readUIntBE(1, 3);
  return length === undefined || waiting.length < 4 + length ? undefined : length;
}

function messageOf(bytes: Buffer): SmbMessage[] {
  if (bytes.readUInt8(0) === 0xfd) return [{ kind: 'encrypted', command: undefined }];
  if (bytes.readUInt8(0) !== 0xfe) return [];
  return [{ kind: (bytes.readUInt32LE(16) & 8) !== 0 ? 'signed' : 'bare', command: bytes.readUInt16LE(12) }];
}
