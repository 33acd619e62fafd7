import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isAlive, type ProcessIdentity } from '../worker/processIdentity.ts';

const main = fileURLToPath(new URL('../client/cli/main.ts', import.meta.url));

/** What a command left behind. */
export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON document on stdout, for commands called with `--output json`. */
  json<T = Record<string, unknown>>(): T;
}

/** mrs-backup as a user has it: its commands, and `up` running in the background. */
export interface Product {
  /** Path of its configuration. */
  readonly config: string;
  /** Runs a command to its end. */
  run(...args: readonly string[]): Promise<Answer>;
  /** Runs a command with `--output json` and returns its document. @throws Error when the exit code is not one of `codes`. */
  json<T = Record<string, unknown>>(args: readonly string[], codes?: readonly number[]): Promise<T>;
  /** Starts a command and leaves it running, its stderr shown where wanted. */
  start(args: readonly string[], options?: { readonly stderr?: 'inherit' | 'pipe' }): { readonly child: ChildProcess; readonly answer: Promise<Answer> };
  /** Ends commands that still run, `up` excepted: SIGTERM, unless they end by themselves as a terminal's Ctrl-C reached them too. */
  abandon(): Promise<void>;
  up(): Promise<void>;
  down(): Promise<void>;
  /** A signal, SIGKILL unless another is named, to the worker or the embedded engine; `up` starts what died again. @throws Error when it does not run */
  kill(part: 'worker' | 'engine', signal?: NodeJS.Signals): Promise<number>;
}

export function openProduct(config: string, stateFolder: string, env: NodeJS.ProcessEnv = process.env): Product {
  let upProcess: ChildProcess | undefined;
  const commands = new Set<ChildProcess>();
  const environment = { ...env, MRS_BACKUP_CONFIG: config };
  const start: Product['start'] = (args, options = {}) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], { env: environment, stdio: ['ignore', 'pipe', options.stderr ?? 'pipe'] });
    commands.add(child);
    child.once('close', () => commands.delete(child));
    return { child, answer: answerOf(child) };
  };
  const run: Product['run'] = (...args) => start(args).answer;
  return {
    config,
    run,
    start,
    async json<T>(args: readonly string[], codes: readonly number[] = [0]): Promise<T> {
      const answer = await run(...args, '--output', 'json', '--quiet');
      if (!codes.includes(answer.code)) throw new Error(`mrs-backup ${args.join(' ')} ended with ${answer.code}\n${answer.stdout}\n${answer.stderr}`);
      return answer.json<T>();
    },
    async abandon() {
      const left = [...commands].filter((child) => child !== upProcess);
      const ended = Promise.all(left.map((child) => new Promise((done) => child.once('close', done))));
      await Promise.race([ended, sleep(1000)]);
      for (const child of left) child.kill('SIGTERM');
      await Promise.race([ended, sleep(5000)]);
    },
    async up() {
      const { child, answer } = start(['up', '--state', stateFolder]);
      upProcess = child;
      const ready = new Promise<void>((resolve) => child.stderr!.on('data', (data: Buffer) => { if (data.toString().includes('worker ready')) resolve(); }));
      const ended = answer.then(({ code, stderr }) => { throw new Error(`mrs-backup up ended with ${code}: ${stderr}`); });
      ended.catch(() => undefined);
      await Promise.race([ready, ended]);
    },
    async down() {
      const child = upProcess;
      upProcess = undefined;
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGTERM');
      await ended;
    },
    async kill(part, signal = 'SIGKILL') {
      const text = await readFile(join(stateFolder, `${part}.json`), 'utf8');
      const record = JSON.parse(text) as ProcessIdentity | { readonly process: ProcessIdentity };
      const identity = 'process' in record ? record.process : record;
      // Its number may be another's by now.
      if (!(await isAlive(identity))) throw new Error(`the ${part} does not run`);
      process.kill(identity.pid, signal);
      return identity.pid;
    },
  };
}

function answerOf(child: ChildProcess): Promise<Answer> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (data: Buffer) => out.push(data));
  child.stderr?.on('data', (data: Buffer) => err.push(data));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const stdout = Buffer.concat(out).toString();
      const stderr = Buffer.concat(err).toString();
      resolve({ code: code ?? (signal === null ? 1 : 128), stdout, stderr, json: <T>() => JSON.parse(stdout) as T });
    });
  });
}
