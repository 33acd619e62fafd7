import { createConnection } from 'node:net';

/** The first line that a server on this machine says by itself; rejects when it says none. */
export async function greetingOf(port: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const end = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(2000, () => end(new Error('it says nothing'))).once('error', end).once('close', () => end(new Error('it closed the connection')));
    socket.once('data', (data) => {
      resolve(data.toString('latin1').split('\r\n')[0]!);
      socket.destroy();
    });
  });
}
