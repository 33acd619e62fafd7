import http from 'node:http';
import https from 'node:https';
import { awaitResponse, connectionError, openRequest, readBody, remoteError } from './httpExchange.ts';
import { WebHdfsError } from './webHdfsError.ts';

/** A request to whichever NameNode is active. `target` is path and query. */
export interface NameNodeRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly target: string;
  readonly op: string;
  readonly path: string;
  /** Whether asking twice gives the same answer as asking once; only such requests go out again after the connection broke under them. */
  readonly repeatable: boolean;
  readonly limitBytes?: number;
  /** For answers that walk a whole tree of the namespace. */
  readonly slow?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

export interface NameNodesOptions {
  readonly urls: readonly string[];
  readonly timeoutMs: number;
  readonly maxSockets: number;
}

/** An answer of a NameNode takes at most this: a page of a listing, a page of a diff. */
const ANSWER_LIMIT_BYTES = 64 << 20;
/** Nothing of the request left this machine: refused, unknown host, or no connection in time. */
const NEVER_SENT = 'ECONNREFUSED';
/** A NameNode walks about a million inodes a second, and some answers walk everything. */
const SLOW_FACTOR = 10;
/** Shorter than the NameNode's own idle time (10 s in old versions), so that a kept socket is closed by us and not under a request. */
const IDLE_MS = 4_000;

/** The NameNodes of one NameService behind one door: keeps sockets alive, limits them, and finds the active one. */
export class NameNodes implements AsyncDisposable {
  readonly #bases: readonly URL[];
  readonly #timeoutMs: number;
  readonly #plain: http.Agent;
  readonly #secure: https.Agent;
  #active = 0;

  constructor(options: NameNodesOptions) {
    if (options.urls.length === 0) throw new TypeError('no NameNode address given');
    this.#bases = options.urls.map((url) => new URL(url));
    this.#timeoutMs = options.timeoutMs;
    const keep = { keepAlive: true, timeout: IDLE_MS, maxSockets: options.maxSockets, scheduling: 'lifo' as const };
    this.#plain = new http.Agent(keep);
    this.#secure = new https.Agent(keep);
  }

  /** The body of the active NameNode's answer. @throws WebHdfsError */
  async ask(request: NameNodeRequest): Promise<Buffer> {
    let failure: unknown;
    const first = this.#active;
    for (let i = 0; i < this.#bases.length; i++) {
      const index = (first + i) % this.#bases.length;
      try {
        const body = await this.#askOne(this.#bases[index]!, request);
        this.#active = index;
        return body;
      } catch (error) {
        if (!(error instanceof WebHdfsError)) throw error;
        // Whoever does not answer is not asked first next time, even when this request cannot go on.
        if (error.kind === 'unreachable' && error.status === 0) this.#active = (index + 1) % this.#bases.length;
        if (!this.#worthAsking(error, request)) throw error;
        // The more telling of the two: a standby is at least alive, but says nothing about why the other is not.
        if (failure === undefined || error.kind !== 'standby') failure = error;
      }
    }
    throw failure;
  }

  /** Whether the other NameNode may know better. A request that may have been carried out is not sent to another. */
  #worthAsking(error: WebHdfsError, request: NameNodeRequest): boolean {
    if (error.kind === 'standby') return true;
    if (error.kind !== 'unreachable' || error.status !== 0) return false;
    return request.repeatable || error.exception === NEVER_SENT;
  }

  async #askOne(base: URL, request: NameNodeRequest): Promise<Buffer> {
    const url = new URL(request.target, base);
    for (let attempt = 0; ; attempt++) {
      const timeoutMs = request.slow === true ? this.#timeoutMs * SLOW_FACTOR : this.#timeoutMs;
      const sent = openRequest({ ...request, url, agent: url.protocol === 'https:' ? this.#secure : this.#plain });
      const timer = setTimeout(() => sent.destroy(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' })), timeoutMs);
      try {
        const answer = awaitResponse(sent);
        sent.end();
        const response = await answer;
        const status = response.statusCode ?? 0;
        const body = await readBody(response, request.limitBytes ?? ANSWER_LIMIT_BYTES);
        if (status < 200 || status >= 300) throw remoteError(status, body, request);
        return body;
      } catch (cause) {
        const broken = (cause as NodeJS.ErrnoException).code === 'ECONNRESET' && sent.reusedSocket;
        if (broken && request.repeatable && attempt < 3 && !request.signal?.aborted) continue;
        if (sent.socket === null || sent.socket.connecting) (cause as NodeJS.ErrnoException).code = NEVER_SENT;
        throw connectionError(cause, { op: request.op, path: request.path, host: url.host }, request.signal);
      } finally {
        clearTimeout(timer);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}
