import { spawn, type ChildProcess } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { delimiter, dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Failure } from '../../contracts/failure.ts';
import { FrameReader, frameHead, type Frame } from './childFrames.ts';
import { NativeError } from './nativeError.ts';
import type { NativeAnswer, NativeRequest } from './nativeRequest.ts';

/** How child processes of a destination are started. */
export interface NativeChildOptions {
  /** The program: calls `serveRequests`. */
  readonly program: URL;
  /** Sent first, over the pipe: in no argument and in no environment. */
  readonly settings: unknown;
  /** Where the library's own libraries lie, when not where the system looks for them. */
  readonly libraryFolders: readonly string[];
  /** A child that owes an answer and says nothing for so long is killed. */
  readonly timeoutSeconds: number;
  /** How to name the destination in messages. */
  readonly shown: string;
}

interface Waiting {
  readonly done: (answer: { readonly value: unknown; readonly bytes: Uint8Array }) => void;
  readonly fail: (error: unknown) => void;
  readonly parts: unknown[];
}

/** Of the environment, what a program needs to run at all. */
const PASSED_ON = ['PATH', 'HOME', 'TZ', 'LANG', 'TMPDIR'] as const;
/** The end of what a child complains about, for the message when it dies. */
const COMPLAINT_CHARACTERS = 400;
/** How long a child may take to begin, which on a busy machine has nothing to do with its server. */
const START_MS = 30_000;
/** How long a child may take to say goodbye to its server. */
const GOODBYE_MS = 2000;

/**
 * A child process with a client library in it. A library that crashes or hangs takes the child with it, and nothing else. What was asked and not
 * answered then fails with E_DESTINATION_UNREACHABLE. A process that cannot be killed (it waits for a dead disk inside the system) is left behind.
 */
export class NativeChild implements Disposable {
  readonly #options: NativeChildOptions;
  readonly #process: ChildProcess;
  readonly #requests: Writable;
  /** Its answers, and then what it complains of: a library may write that on its standard output, too. */
  readonly #read: readonly [Readable, Readable, Readable];
  readonly #waiting: Waiting[] = [];
  #end: Failure | undefined;
  #lastSign = performance.now();
  #watch: NodeJS.Timeout | undefined;
  #hasBegun = false;
  #complaint = '';
  readonly #things: Disposable[] = [];

  constructor(options: NativeChildOptions) {
    this.#options = options;
    // Else most of what a child does is to compile itself. Node names a folder below the one it is given after its own version.
    const cache = getCompileCacheDir();
    const own = Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
    const folders = [...options.libraryFolders, ...(process.env['LD_LIBRARY_PATH']?.split(delimiter) ?? [])];
    const env = { ...own, ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }), ...(folders.length === 0 ? {} : { LD_LIBRARY_PATH: folders.join(delimiter) }) };
    // Threads of V8 would only wait for each other, and waiting overwrites the reason of a failed call (errno).
    this.#process = spawn(process.execPath, ['--single-threaded', fileURLToPath(options.program)], { env, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
    const [requests, stdout, stderr, answers] = this.#process.stdio as [Writable, Readable, Readable, Readable, undefined];
    this.#requests = requests;
    this.#read = [answers, stdout, stderr];
    const reader = new FrameReader((frame) => this.#take(frame));
    answers.on('data', (piece: Buffer) => {
      this.#lastSign = performance.now();
      try {
        reader.take(piece);
      } catch (error) {
        this.#giveUp(`what came from it is no answer (${String(error)})`);
      }
    });
    for (const complaints of [stdout, stderr]) complaints.setEncoding('utf8').on('data', (text: string) => void (this.#complaint = (this.#complaint + text).slice(-COMPLAINT_CHARACTERS)));
    // A child that ended reads nothing more; why it ended is told by its end.
    requests.on('error', () => {});
    this.#process.on('error', (error) => this.#giveUp(`it cannot be started (${error.message})`));
    this.#process.on('close', (code, signal) => this.#giveUp(`it ended (${signal ?? `exit code ${code}`}${this.#complaint === '' ? '' : `: ${this.#complaint.trim()}`})`));
  }

  /** It answers nothing any more; the next request needs another child. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** To be disposed of with it. */
  onEnd(thing: Disposable): void {
    if (this.#end !== undefined) return thing[Symbol.dispose]();
    this.#things.push(thing);
  }

  /** Of the operating system; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /**
   * Asks; requests are done in their order. Settles with the value of the answer, a list where it came in several parts, and the bytes beside it.
   * @throws NativeError of the library; Failure E_DESTINATION_UNREACHABLE when the child dies or is silent
   */
  async request(request: NativeRequest, bytes?: Uint8Array): Promise<{ readonly value: unknown; readonly bytes: Uint8Array }> {
    if (this.#end !== undefined) throw this.#end;
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly value: unknown; readonly bytes: Uint8Array }>();
    if (this.#waiting.length === 0) this.#lastSign = performance.now();
    this.#waiting.push({ done: resolve, fail: reject, parts: [] });
    this.#keepWatch();
    const requests = this.#requests;
    requests.cork();
    requests.write(frameHead({ ...request }, bytes));
    if (bytes !== undefined) requests.write(bytes);
    requests.uncork();
    return await promise;
  }

  /** Ends it, at once when it is busy. Nothing is waited for. */
  [Symbol.dispose](): void {
    if (this.#end !== undefined) return;
    if (this.#waiting.length > 0) return this.#giveUp('the session was closed');
    this.#end = new Failure('E_DESTINATION_UNREACHABLE', `the session of ${this.#options.shown} is closed`);
    this.#requests.end();
    this.#release();
    setTimeout(() => this.#process.kill('SIGKILL'), GOODBYE_MS).unref();
  }

  #take({ header, bytes }: Frame): void {
    if (!this.#hasBegun) return this.#begin();
    const { value, more, error } = header as NativeAnswer;
    const asked = this.#waiting[0];
    if (asked === undefined) return this.#giveUp('it answered what nobody asked');
    if (more === true) return void asked.parts.push(...(value as unknown[]));
    this.#waiting.shift();
    if (this.#waiting.length === 0) this.#stopWatch();
    if (error === undefined) return asked.done({ value: asked.parts.length === 0 ? value : [...asked.parts, ...(value as unknown[])], bytes });
    asked.fail(new NativeError(error.code, error.message, error.connectionLost));
    if (error.connectionLost) this.#giveUp(`its connection broke (${error.message})`);
  }

  /** The first frame: from now on it is the server that is waited for. */
  #begin(): void {
    this.#hasBegun = true;
    this.#stopWatch();
    if (this.#waiting.length > 0) this.#keepWatch();
  }

  /** One timer as long as something is owed. */
  #keepWatch(): void {
    if (this.#watch !== undefined) return;
    const patience = Math.max(this.#options.timeoutSeconds * 1000, this.#hasBegun ? 0 : START_MS);
    const look = (): void => {
      const silence = performance.now() - this.#lastSign;
      if (silence < patience) return void (this.#watch = setTimeout(look, patience - silence));
      // This process itself may have been busy: what came meanwhile is read first.
      setImmediate(() => setImmediate(() => {
        if (this.#waiting.length === 0 || this.#end !== undefined) return;
        if (performance.now() - this.#lastSign < patience) return look();
        this.#giveUp(`nothing came from it for ${patience / 1000} s`);
      }));
    };
    this.#watch = setTimeout(look, patience);
  }

  #stopWatch(): void {
    clearTimeout(this.#watch);
    this.#watch = undefined;
  }

  #giveUp(why: string): void {
    if (this.#end !== undefined) return;
    this.#end = new Failure('E_DESTINATION_UNREACHABLE', `${this.#options.shown} does not answer: ${why}`, { details: { pid: this.#process.pid ?? 0 } });
    this.#stopWatch();
    this.#process.kill('SIGKILL');
    for (const stream of [this.#requests, ...this.#read]) stream.destroy();
    this.#release();
    for (const { fail } of this.#waiting.splice(0)) fail(this.#end);
  }

  /** It keeps this process from ending no more, whether it ends itself or not. */
  #release(): void {
    for (const thing of this.#things.splice(0)) thing[Symbol.dispose]();
    for (const each of [this.#process, this.#requests, ...this.#read] as { unref?: () => void }[]) each.unref?.();
  }
}
