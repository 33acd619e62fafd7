import type { SFTPWrapper } from 'ssh2';
import { freeOwnBuffer } from '../freeOwnBuffer.ts';

/** Parts of ssh2, whose version is pinned: takes over what came on a channel; the packet that is being put together from it. */
interface Receiver {
  push: (data: Uint8Array | null) => void;
  readonly _pkt: Uint8Array | undefined;
}

/** The packet type of what was read from a file. */
const DATA = 103;

/** Gives back the packets in which file content came: it is in the reader's buffer as soon as one is complete. See freeSentPackets.ts. To be called once for a channel. */
export function freeReceivedPackets(sftp: SFTPWrapper): void {
  const receiver = sftp as unknown as Receiver;
  const push = receiver.push.bind(receiver);
  receiver.push = (data) => {
    const packet = receiver._pkt;
    push(data);
    if (packet !== undefined && packet !== receiver._pkt && packet[0] === DATA) freeOwnBuffer(packet);
  };
}
