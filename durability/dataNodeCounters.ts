import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/lab.ts';

interface Bytes {
  readonly read: number;
  readonly written: number;
}

const everyMs = 300;
/** Counters are a little older than the moment they are asked at (lab/hdfs.ts). */
const settleMs = 500;

/** What DataNodes really gave and took while a run went on, by their own counters: a process that is killed takes its own with it, so they are asked often. */
export class DataNodeCounters {
  readonly #lab: Lab;
  readonly #servers: readonly string[];
  readonly #last = new Map<string, Bytes>();
  #sum: Bytes = { read: 0, written: 0 };
  #timer: NodeJS.Timeout | undefined;
  #busy: Promise<void> = Promise.resolve();

  constructor(lab: Lab, servers: readonly string[]) {
    this.#lab = lab;
    this.#servers = servers;
  }

  async start(): Promise<void> {
    await sleep(settleMs);
    await this.sample();
    this.#sum = { read: 0, written: 0 };
    this.#timer = setInterval(() => void this.sample(), everyMs);
  }

  async stop(): Promise<Bytes> {
    clearInterval(this.#timer);
    await sleep(settleMs);
    await this.sample();
    return this.#sum;
  }

  /** One look at each; whoever is down is passed over. */
  sample(): Promise<void> {
    this.#busy = this.#busy.then(async () => { await Promise.all(this.#servers.map((server) => this.#look(server))); });
    return this.#busy;
  }

  async #look(server: string): Promise<void> {
    const now = await this.#ask(server).catch(() => undefined);
    if (now === undefined) return;
    const last = this.#last.get(server) ?? { read: 0, written: 0 };
    // A counter that went back is that of a new process.
    const grown = (before: number, after: number): number => (after < before ? after : after - before);
    this.#sum = { read: this.#sum.read + grown(last.read, now.read), written: this.#sum.written + grown(last.written, now.written) };
    this.#last.set(server, now);
  }

  async #ask(server: string): Promise<Bytes | undefined> {
    const answer = await fetch(`http://127.0.0.1:${this.#lab.place(server).ports['dataHttp']}/jmx?qry=Hadoop:service=DataNode,name=DataNodeActivity-*`, { signal: AbortSignal.timeout(2000) });
    const bean = ((await answer.json()) as { beans: { BytesRead: number; BytesWritten: number }[] }).beans[0];
    return bean === undefined ? undefined : { read: bean.BytesRead, written: bean.BytesWritten };
  }
}
