import type { SftpConnection, SftpLease } from './sftpConnection.ts';

/** From this size on a transfer is worth a connection of its own: a login costs both sides some 20 ms of processor time. */
const LARGE_BYTES = 4 * 1024 * 1024;

export interface SftpLinkOptions {
  /** How many connections there are at most at one time. */
  readonly connections: number;
  dial(): Promise<SftpConnection>;
  /** Whether a new connection leads to where another one does, which lives. */
  isBeside(made: SftpConnection, other: SftpConnection): Promise<boolean>;
}

/**
 * The way to a server over all connections of a session: when one was lost, the next request makes another. What was under way is not repeated. Small
 * requests share what there is; a large transfer gets a connection where nothing else is under way, as a server works for each on one core, and waits for
 * the medium when it synchronizes a file.
 */
export class SftpLink implements AsyncDisposable {
  readonly #options: SftpLinkOptions;
  #connections: SftpConnection[] = [];
  #dialling: Promise<SftpConnection | undefined> | undefined;
  /** No further one could be had: those there are have to do. */
  #refused = false;

  constructor(options: SftpLinkOptions) {
    this.#options = options;
  }

  /** Whether a transfer of so many bytes is worth more than to share what there is. */
  isLarge(bytes: number): boolean {
    return bytes >= LARGE_BYTES;
  }

  /** @param bytes how many will be moved, as far as it is known */
  async lease(bytes = 0): Promise<SftpLease> {
    for (;;) {
      this.#connections = this.#connections.filter(({ lost }) => !lost);
      const least = this.#connections.reduce<SftpConnection | undefined>((best, each) => (best === undefined || each.users < best.users ? each : best), undefined);
      const isFull = this.#refused || this.#connections.length >= this.#options.connections;
      if (least !== undefined && (least.users === 0 || !this.isLarge(bytes) || isFull)) return await least.lease(this.isLarge(bytes));
      const made = await (this.#dialling ??= this.#another(least).finally(() => {
        this.#dialling = undefined;
      }));
      // It says why: who dials again and again would never end.
      if (made?.lost === true) return await made.lease();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dialling?.catch(() => undefined);
    await Promise.all(this.#connections.map((each) => each[Symbol.asyncDispose]()));
  }

  async #another(other: SftpConnection | undefined): Promise<SftpConnection | undefined> {
    if (other === undefined) this.#refused = false;
    let made: SftpConnection | undefined;
    try {
      made = await this.#options.dial();
      if (other === undefined || (await this.#options.isBeside(made, other))) {
        this.#connections.push(made);
        return made;
      }
    } catch (error) {
      if (other === undefined) throw error;
    }
    this.#refused = true;
    await made?.[Symbol.asyncDispose]();
    return undefined;
  }
}
