import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { measure, type Cost } from './measure.ts';

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export interface RunResult {
  readonly runId: string;
  readonly setIds: readonly string[];
  readonly outcome: string;
  readonly seconds: number;
  readonly sources: readonly { readonly kind: string; readonly entries: number; readonly files: number; readonly bytes: number; readonly storedBytes: number; readonly readBytes: number; readonly seconds: number }[];
}

/** mrs-backup as a user has it, with the engine and the worker up, on a configuration that grows. */
export class Subject {
  readonly folder: string;
  #up: ChildProcess | undefined;
  #config: { engine: object; clusters: { bench: { services: Record<string, Record<string, unknown>> } }; destinations: Record<string, object>; tasks: Record<string, object> };

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    this.#config = { engine: { state: join(folder, 'engine') }, clusters: { bench: { services: {} } }, destinations: {}, tasks: {} };
  }

  /** A service instance, a destination of its own (a folder, or a block of the configuration) and a task from the one to the other. Known to the next command. */
  addTask(name: string, source: { readonly component: string; readonly source: string; readonly instance: string; readonly block: unknown; readonly selection?: object }, destination: string | Readonly<Record<string, unknown>>): void {
    (this.#config.clusters.bench.services[source.component] ??= {})[source.instance] = source.block;
    this.#config.destinations[name] = typeof destination === 'string' ? { type: 'LocalDir', path: destination, allowRootFileSystem: true } : destination;
    this.#config.tasks[name] = { cluster: 'bench', sources: [{ source: source.source, instance: source.instance, ...source.selection }], destinations: [name] };
    writeFileSync(join(this.folder, 'mrs-backup.yaml'), stringify(this.#config, { aliasDuplicateObjects: false }));
  }

  /** Process id of what keeps the engine and the worker running. */
  get pid(): number {
    return this.#up!.pid!;
  }

  /** Of the worker alone. */
  get workerPid(): number {
    return (JSON.parse(readFileSync(join(this.folder, 'engine', 'worker.json'), 'utf8')) as { pid: number }).pid;
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, MRS_BACKUP_CONFIG: join(this.folder, 'mrs-backup.yaml'), MRS_BACKUP_BENCH_COUNTS: join(this.folder, 'requests.jsonl'), NODE_OPTIONS: `--disable-warning=ExperimentalWarning ${process.env['NODE_OPTIONS'] ?? ''}` };
  }

  async up(): Promise<void> {
    const child = fork(script('up.ts'), { env: this.env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#up = child;
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', (code) => reject(new Error(`mrs-backup up ended with ${code}`)));
    });
  }

  async down(): Promise<void> {
    const child = this.#up;
    this.#up = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    await ended;
  }

  /** A command as typed, measured together with the worker and the engine. */
  async command<T>(args: readonly string[], syncFolder?: string): Promise<Cost & { readonly result: T }> {
    const line = [process.execPath, script('mrs-backup.ts'), ...args, '--output', 'json', '--quiet'].map((each) => `'${each}'`).join(' ');
    const { stdout, ...cost } = await measure({ line, env: this.env, ...(this.#up === undefined ? {} : { helper: this.pid }), ...(syncFolder === undefined ? {} : { syncFolder }) });
    return { ...cost, result: JSON.parse(stdout) as T };
  }

  async run(task: string, syncFolder: string): Promise<Cost & { readonly result: RunResult; readonly requests: Readonly<Record<string, number>> }> {
    const before = this.#requests();
    const done = await this.command<RunResult>(['task', 'run', task], syncFolder);
    if (done.result.outcome !== 'sealed') throw new Error(`the run of ${task} ended ${done.result.outcome}`);
    const after = this.#requests();
    return { ...done, requests: Object.fromEntries(Object.entries(after).map(([verb, count]) => [verb, count - (before[verb] ?? 0)]).filter(([, count]) => count !== 0)) };
  }

  /** Requests to destinations so far, by verb. */
  #requests(): Record<string, number> {
    const file = join(this.folder, 'requests.jsonl');
    const sum: Record<string, number> = {};
    if (!existsSync(file)) return sum;
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (line === '') continue;
      for (const [verb, count] of Object.entries(JSON.parse(line) as Record<string, number>)) sum[verb] = (sum[verb] ?? 0) + count;
    }
    return sum;
  }
}
