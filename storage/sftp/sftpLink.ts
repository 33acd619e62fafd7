import type { SftpChannel } from './sftpChannel.ts';
import { SftpConnection } from './sftpConnection.ts';

/** A channel while one transfer uses it. */
export interface SftpLease extends Disposable {
  readonly channel: SftpChannel;
  /** Which connection it belongs to. */
  readonly connection: SftpConnection;
}

/** The way to a server over all connections of a session: when one was lost, the next request makes another. What was under way is not repeated. */
export class SftpLink implements AsyncDisposable {
  readonly #dial: () => Promise<SftpConnection>;
  #connection: Promise<SftpConnection> | undefined;
  #current: SftpConnection | undefined;

  constructor(dial: () => Promise<SftpConnection>) {
    this.#dial = dial;
  }

  async lease(): Promise<SftpLease> {
    const connection = await this.#connected();
    const channel = await connection.channel();
    channel.users++;
    return { channel, connection, [Symbol.dispose]: () => void channel.users-- };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.[Symbol.asyncDispose]();
  }

  async #connected(): Promise<SftpConnection> {
    if (this.#current?.lost === true) {
      this.#current = undefined;
      this.#connection = undefined;
    }
    this.#connection ??= this.#dial();
    const mine = this.#connection;
    try {
      return (this.#current = await mine);
    } catch (error) {
      if (this.#connection === mine) this.#connection = undefined;
      throw error;
    }
  }
}
