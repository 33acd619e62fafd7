import { createConnection } from 'node:net';

const PATIENCE_MS = 2000;

/** Whether a server answers the empty call of a program of ONC RPC (RFC 5531) over TCP. */
export async function answersRpc(port: number, program: number, version: number): Promise<boolean> {
  const xid = 0x6d7273;
  // Record mark; xid, call, RPC version 2, program, version, procedure 0, no credential, no verifier.
  const words = [0x8000_0000 + 40, xid, 0, 2, program, version, 0, 0, 0, 0, 0];
  const call = Buffer.alloc(words.length * 4);
  words.forEach((word, i) => call.writeUInt32BE(word, i * 4));
  const socket = createConnection({ host: '127.0.0.1', port, timeout: PATIENCE_MS });
  try {
    return await new Promise<boolean>((resolve) => {
      let answer = Buffer.alloc(0);
      socket.on('data', (part: Buffer) => {
        answer = Buffer.concat([answer, part]);
        // Record mark, xid, reply, accepted, verifier (two words), success.
        if (answer.length >= 28) resolve(answer.readUInt32BE(4) === xid && answer.readUInt32BE(12) === 0 && answer.readUInt32BE(24) === 0);
      });
      for (const end of ['error', 'timeout', 'close'] as const) socket.on(end, () => resolve(false));
      socket.end(call);
    });
  } finally {
    socket.destroy();
  }
}
