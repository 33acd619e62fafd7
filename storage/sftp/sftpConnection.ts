import type { SFTPWrapper } from 'ssh2';
import type { Failure } from '../../contracts/failure.ts';
import { freeReceivedPackets } from './freeReceivedPackets.ts';
import { freeSentPackets } from './freeSentPackets.ts';
import { hearChannels } from './hearChannels.ts';
import { SftpChannel } from './sftpChannel.ts';
import type { DialledServer } from './sftpDial.ts';
import { sftpConnectionFailure } from './sftpFailure.ts';
import { widenWindow } from './widenWindow.ts';

/** How often it is looked whether anything came back. */
const WATCH_MS = 500;
/** How long a good-bye may take. */
const GOODBYE_MS = 1000;

/** A channel while one transfer uses it. */
export interface SftpLease extends Disposable {
  readonly channel: SftpChannel;
  /** Which connection it belongs to. */
  readonly connection: SftpConnection;
}

/** One connection with its channels. It ends for good when it is lost; who needs another one dials again (sftpLink.ts). */
export class SftpConnection {
  readonly #server: DialledServer;
  readonly #shown: string;
  readonly #mostChannels: number;
  readonly #channels: SftpChannel[] = [];
  #opening: Promise<SftpChannel> | undefined;
  /** The server refused another channel: those there are have to do. */
  #refused = false;
  #lost: Failure | undefined;
  #gathering = false;
  /** How many messages came on channels. */
  #heard = 0;
  /** How many leases there are. */
  users = 0;

  constructor(server: DialledServer, options: { readonly shown: string; readonly channels: number; readonly timeoutSeconds: number }) {
    this.#server = server;
    this.#shown = options.shown;
    this.#mostChannels = options.channels;
    const { client, socket, sftp } = server;
    freeSentPackets(client, socket);
    hearChannels(client, () => void this.#heard++);
    this.#channels.push(this.#channelOf(sftp));
    client.on('error', (error) => this.#end(sftpConnectionFailure(error, options.shown)));
    client.on('close', () => this.#end(this.#failureOf(new Error('the connection was closed'))));
    // An answer makes room for more of what waits to be sent.
    socket.prependListener('data', () => this.#gather());
    this.#watch(options.timeoutSeconds);
    if (socket.destroyed) this.#end(this.#failureOf(new Error('the connection was closed')));
  }

  get lost(): boolean {
    return this.#lost !== undefined;
  }

  /**
   * A channel, the least busy one. Another one is opened beside when all are busy. Nobody waits for it but who has none, and a transfer that is `large`:
   * what may be under way on a channel is bounded by the server, so that over a long line two of them on one are each half as fast.
   */
  async lease(large = false): Promise<SftpLease> {
    this.users++;
    try {
      let channel = this.#leastBusy();
      while (channel === undefined || (large && channel.users > 0 && this.#mayOpen)) channel = await this.#beside(channel);
      channel.users++;
      return {
        channel, connection: this,
        [Symbol.dispose]: () => {
          channel.users--;
          this.users--;
        },
      };
    } catch (error) {
      this.users--;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { client, socket } = this.#server;
    this.#end(this.#failureOf(new Error('the session is closed')));
    if (socket.destroyed) return;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    client.end();
    const timer = setTimeout(() => socket.destroy(), GOODBYE_MS);
    await closed;
    clearTimeout(timer);
  }

  #leastBusy(): SftpChannel | undefined {
    for (let i = this.#channels.length - 1; i >= 0; i--) if (this.#channels[i]!.ended) this.#channels.splice(i, 1);
    const least = this.#channels.reduce<SftpChannel | undefined>((best, each) => (best === undefined || each.users < best.users ? each : best), undefined);
    if (least !== undefined && least.users > 0 && this.#mayOpen) void this.#beside(least);
    return least;
  }

  get #mayOpen(): boolean {
    return !this.#refused && this.#channels.length < this.#mostChannels;
  }

  /** The least busy channel after another one was opened. When that is refused, those there are have to do. */
  async #beside(other: SftpChannel | undefined): Promise<SftpChannel> {
    try {
      const made = await this.#another();
      return this.#leastBusy() ?? made;
    } catch (error) {
      if (other === undefined) throw error;
      this.#refused = true;
      return other;
    }
  }

  async #another(): Promise<SftpChannel> {
    return await (this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    }));
  }

  async #open(): Promise<SftpChannel> {
    if (this.#lost !== undefined) throw this.#lost;
    const channel = await new Promise<SftpChannel>((resolve, reject) => {
      this.#onLoss.add(reject);
      try {
        this.#server.client.sftp((error, wrapper) => {
          this.#onLoss.delete(reject);
          if (error !== undefined && error !== null) reject(this.#failureOf(new Error(`the server opens no SFTP channel: ${error.message}`)));
          else resolve(this.#channelOf(wrapper));
        });
      } catch (error) {
        this.#onLoss.delete(reject);
        reject(this.#failureOf(error));
      }
    });
    this.#channels.push(channel);
    if (this.#lost !== undefined) channel.end(this.#lost);
    return channel;
  }

  #channelOf(wrapper: SFTPWrapper): SftpChannel {
    freeReceivedPackets(wrapper);
    widenWindow(wrapper);
    return new SftpChannel(wrapper, () => this.#gather(), (cause) => this.#failureOf(cause));
  }

  readonly #onLoss = new Set<(reason: Failure) => void>();

  /** ssh2 writes the four parts of every packet one by one: what is written in one turn of the event loop calls the system once. */
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#server.socket.cork();
    setImmediate(() => {
      this.#gathering = false;
      this.#server.socket.uncork();
    });
  }

  /** A lost connection says why it was lost, whatever followed from it. */
  #failureOf(error: unknown): Failure {
    return this.#lost ?? sftpConnectionFailure(error, this.#shown);
  }

  #end(reason: Failure): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    for (const reject of this.#onLoss) reject(reason);
    for (const channel of this.#channels) channel.end(reason);
  }

  /**
   * The server answers at least our signs of life: when nothing comes back at all, however slow the line, it is gone. While a request waits, they do not
   * count: something must come on a channel.
   */
  #watch(timeoutSeconds: number): void {
    const { socket } = this.#server;
    let seenBytes = socket.bytesRead;
    let seenHeard = this.#heard;
    let aliveAt = performance.now();
    let answeredAt = aliveAt;
    const timer = setInterval(() => {
      const now = performance.now();
      if (socket.bytesRead !== seenBytes) aliveAt = now;
      if (this.#heard !== seenHeard || !this.#channels.some(({ waits }) => waits)) answeredAt = now;
      seenBytes = socket.bytesRead;
      seenHeard = this.#heard;
      if (now - Math.min(aliveAt, answeredAt) <= timeoutSeconds * 1000) return;
      this.#end(this.#failureOf(new Error(now - aliveAt > timeoutSeconds * 1000 ? `nothing came from the server for ${timeoutSeconds} s` : `the server lives, but answered no request for ${timeoutSeconds} s`)));
      socket.destroy();
    }, WATCH_MS);
    timer.unref();
    socket.once('close', () => clearInterval(timer));
  }
}
