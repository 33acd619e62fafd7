import type { Socket } from 'node:net';
import type { Client } from 'ssh2';
import { freeOwnBuffer } from '../freeOwnBuffer.ts';

/** A method of ssh2, whose version is pinned: takes over what goes out on a channel. */
interface Sender {
  readonly _protocol: { channelData(channel: number, data: Uint8Array): void };
}

/**
 * ssh2 makes two new buffers for each that is sent and leaves them to the garbage collector: nearly half of what storing cost, as V8 looks through its whole
 * heap for every few dozen megabytes outside it. They are given back as soon as they were used. To be called once for a connection.
 */
export function freeSentPackets(client: Client, socket: Socket): void {
  const write = socket.write.bind(socket) as (data: string | Uint8Array, written?: () => void) => boolean;
  socket.write = ((data: string | Uint8Array) => (typeof data === 'string' ? write(data) : write(data, () => freeOwnBuffer(data)))) as Socket['write'];
  const { _protocol: protocol } = client as unknown as Sender;
  const channelData = protocol.channelData.bind(protocol);
  protocol.channelData = (channel, data) => {
    channelData(channel, data);
    // A request is copied into packets from its beginning to its end. Its buffer is made by ssh2, never ours.
    if (data.byteOffset + data.byteLength === data.buffer.byteLength) freeOwnBuffer(new Uint8Array(data.buffer));
  };
}
