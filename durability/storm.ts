import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/lab.ts';
import type { Product } from '../lab/product.ts';
import type { Kill, Victim } from './planRound.ts';

/** Server of each victim, per cluster, and the process of it that dies. */
const servers = {
  prod: { nameNode: 'hdfs-a', dataNode: 'hdfs-a', postgres: 'dbservice' },
  standby: { nameNode: 'hdfs-b', dataNode: 'hdfs-b', postgres: 'dbservice-b' },
} as const;

/** How long a victim that is just being started again is waited for. */
const patienceMs = 30_000;

export interface StormOptions {
  readonly lab: Lab;
  readonly product: Product;
  readonly kills: readonly Kill[];
  /** Asked right before a process dies, which takes its counters with it. */
  readonly beforeKill: () => Promise<void>;
  readonly say: (line: string) => void;
}

/** Kills what its plan names, one after the other, and brings servers back after their time away. */
export class Storm {
  readonly #options: StormOptions;
  readonly #stop = new AbortController();
  readonly #away = new Map<string, Promise<void>>();
  readonly #fallen: Victim[] = [];
  readonly #blowing: Promise<void>;

  constructor(options: StormOptions) {
    this.#options = options;
    this.#blowing = this.#blow();
  }

  /** No further kill; every server is up again. Returns who was killed. */
  async end(): Promise<readonly Victim[]> {
    this.#stop.abort();
    await this.#blowing;
    await Promise.all(this.#away.values());
    return this.#fallen;
  }

  async #blow(): Promise<void> {
    for (const kill of this.#options.kills) {
      await sleep(kill.afterMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      await this.#options.beforeKill();
      if (!(await this.#strike(kill))) return;
      this.#fallen.push(kill.victim);
      this.#options.say(`killed ${kill.victim}`);
    }
  }

  async #strike(kill: Kill): Promise<boolean> {
    const { product, lab } = this.#options;
    if (kill.victim === 'worker' || kill.victim === 'engine') return await this.#untilKilled(kill.victim);
    if (kill.victim === 'both') {
      if (!(await this.#untilKilled('worker'))) return false;
      await product.kill('engine').catch(() => undefined);
      return true;
    }
    const server = servers[kill.cluster][kill.victim];
    await this.#away.get(server);
    if (this.#stop.signal.aborted) return false;
    await lab.kill(server, kill.victim);
    this.#away.set(server, sleep(kill.awayMs).then(() => lab.up([server])));
    return true;
  }

  /** A victim that `up` is just starting again is killed as soon as it lives. */
  async #untilKilled(part: 'worker' | 'engine'): Promise<boolean> {
    for (const deadline = Date.now() + patienceMs; ; ) {
      try {
        await this.#options.product.kill(part);
        return true;
      } catch (error) {
        if (this.#stop.signal.aborted) return false;
        if (Date.now() > deadline) throw error;
        await sleep(50);
      }
    }
  }
}
