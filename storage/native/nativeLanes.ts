import { Failure } from '../../contracts/failure.ts';
import { NativeChild, type NativeChildOptions } from './nativeChild.ts';
import { NativeClient } from './nativeClient.ts';
import type { NativeConnected } from './nativeRequest.ts';

/** How a session starts its child processes, and how many at most. */
export interface NativeLaneOptions extends NativeChildOptions {
  readonly connections: number;
  /** Turns what a library throws into a failure. */
  readonly failureOf: (error: unknown, what: string) => unknown;
}

/** A child process for a while. Others may use it too: what it is asked, it does in turn. */
export interface NativeLease extends Disposable {
  readonly client: NativeClient;
}

interface Lane {
  readonly child: NativeChild;
  readonly client: Promise<NativeClient>;
  leases: number;
  idle: NodeJS.Timeout | undefined;
}

/** Servers close connections that are idle for some minutes, and memory is not kept for nothing. */
const IDLE_MS = 60_000;

/** The child processes of a session, each with a connection of its own: started when the others are busy, replaced when they die. */
export class NativeLanes implements AsyncDisposable {
  readonly #options: NativeLaneOptions;
  #lanes: Lane[] = [];
  #closed = false;

  constructor(options: NativeLaneOptions) {
    this.#options = options;
  }

  /**
   * The least busy child, or a new one while all are busy and there may be more.
   * @throws Failure as of `StorageDriver.open`
   */
  async lease(): Promise<NativeLease> {
    if (this.#closed) throw new Failure('E_DESTINATION_UNREACHABLE', `the session of ${this.#options.shown} is closed`);
    this.#lanes = this.#lanes.filter(({ child }) => !child.ended);
    let lane = this.#lanes.toSorted((a, b) => a.leases - b.leases)[0];
    if (lane === undefined || (lane.leases > 0 && this.#lanes.length < this.#options.connections)) {
      lane = this.#start();
      this.#lanes.push(lane);
    }
    const taken = lane;
    taken.leases++;
    clearTimeout(taken.idle);
    const end = (): void => {
      taken.leases--;
      if (taken.leases === 0) taken.idle = setTimeout(() => taken.child[Symbol.dispose](), IDLE_MS).unref();
    };
    try {
      const client = await taken.client;
      return { client, [Symbol.dispose]: end };
    } catch (error) {
      end();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { child, idle } of this.#lanes.splice(0)) {
      clearTimeout(idle);
      child[Symbol.dispose]();
    }
  }

  #start(): Lane {
    const { settings, shown, failureOf } = this.#options;
    const child = new NativeChild(this.#options);
    const client = child.request({ call: 'connect', settings }).then(
      ({ value }) => new NativeClient(child, value as NativeConnected),
      (error: unknown) => {
        child[Symbol.dispose]();
        throw failureOf(error, shown);
      },
    );
    client.catch(() => {});
    return { child, client, leases: 0, idle: undefined };
  }
}
