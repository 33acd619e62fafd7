import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Transform, pipeline } from 'node:stream';

/** A request as it came in. `path` without the query. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  /** How many of all requests, from 1. */
  readonly number: number;
  /** Tells connections apart. */
  readonly port: number | undefined;
}

/** An answer that does not come from the server. */
export interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What happens to a request instead of being passed on as it is: one of these. */
export interface Fault {
  readonly answer?: Answer;
  /** Nothing is ever said. */
  readonly hang?: true;
  /** The connection is reset after so many bytes in the direction. */
  readonly reset?: { readonly direction: 'up' | 'down'; readonly afterBytes: number };
  /** The answer stops, with the connection open, after so many bytes. */
  readonly stallAfterBytes?: number;
  /** One byte is another. */
  readonly flip?: { readonly direction: 'up' | 'down'; readonly at: number };
  readonly bytesPerSecond?: number;
  /** Listings do not show what is younger. */
  readonly lagMs?: number;
}

/** A proxy in front of a real server, for faults that the server does not make by itself. */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  readonly seen: readonly Seen[];
  /** Decides about every request; none by default. */
  fault: (seen: Seen) => Fault | undefined;
  /** Connections that are open to it. */
  connections(): Promise<number>;
}

export interface FaultProxyOptions {
  /** Port of the real server on this machine, without TLS. */
  readonly target: number;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Changes a request on its way, or answers it itself. */
  readonly translate?: (request: http.IncomingMessage) => { readonly path: string; readonly headers: http.OutgoingHttpHeaders } | { readonly answer: Answer };
}

/** Starts a proxy on a free port of this machine. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  const handle: http.RequestListener = (request, response) => {
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const url = new URL(request.url ?? '/', 'http://proxy');
    const one: Seen = { method: request.method ?? '', path: url.pathname, query: url.searchParams, headers: request.headers, number: seen.length + 1, port: request.socket.remotePort };
    seen.push(one);
    const fault = proxy.fault(one) ?? {};
    if (fault.hang === true) return void request.resume();
    if (fault.answer !== undefined) return answer(request, response, fault.answer);
    const translated = options.translate?.(request) ?? { path: request.url!, headers: request.headers };
    if ('answer' in translated) return answer(request, response, translated.answer);
    const onward = http.request({ host: '127.0.0.1', port: options.target, method: request.method, path: translated.path, headers: translated.headers, agent: false }, (reply) => {
      if (fault.lagMs !== undefined && request.method === 'GET' && !url.searchParams.has('uploads') && (url.searchParams.has('prefix') || url.searchParams.has('max-keys'))) return void lagged(reply, response, fault.lagMs);
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      response.flushHeaders();
      pipeline([reply, ...stages(fault, 'down', request.socket), response], () => undefined);
    });
    // The real server is away, and so are we.
    onward.on('error', () => request.socket.destroy());
    response.on('close', () => onward.destroy());
    pipeline([request, ...stages(fault, 'up', request.socket), onward], () => undefined);
  };
  const server = options.tls === undefined ? http.createServer(handle) : https.createServer(options.tls, handle);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: FaultProxy = {
    port: (server.address() as AddressInfo).port,
    seen,
    fault: () => undefined,
    connections: async () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return proxy;
}

function answer(request: http.IncomingMessage, response: http.ServerResponse, { status, code, headers = {}, body }: Answer): void {
  request.resume();
  const text = body ?? (code === undefined ? '' : `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>made by the proxy</Message></Error>`);
  request.on('end', () => response.writeHead(status, { 'content-type': 'application/xml', 'content-length': String(Buffer.byteLength(text)), ...headers }).end(request.method === 'HEAD' ? undefined : text));
}

function stages({ reset, stallAfterBytes, flip, bytesPerSecond }: Fault, direction: 'up' | 'down', socket: Socket): Transform[] {
  let passed = 0;
  const stage = (transform: (chunk: Buffer, push: (chunk: Buffer) => void, next: () => void) => void): Transform[] => [
    new Transform({
      transform(chunk: Buffer, _encoding, callback) {
        transform(chunk, (made) => this.push(made), () => {
          passed += chunk.length;
          callback();
        });
      },
    }),
  ];
  if (reset?.direction === direction) {
    return stage((chunk, push, next) => {
      if (passed + chunk.length < reset.afterBytes) push(chunk);
      else socket.resetAndDestroy();
      next();
    });
  }
  if (stallAfterBytes !== undefined && direction === 'down') {
    return stage((chunk, push, next) => {
      if (passed + chunk.length <= stallAfterBytes) push(chunk);
      else if (passed < stallAfterBytes) push(chunk.subarray(0, stallAfterBytes - passed));
      if (passed + chunk.length <= stallAfterBytes) next();
    });
  }
  if (flip?.direction === direction) {
    return stage((chunk, push, next) => {
      const copy = Buffer.from(chunk);
      if (flip.at >= passed && flip.at < passed + chunk.length) copy[flip.at - passed]! ^= 1;
      push(copy);
      next();
    });
  }
  if (bytesPerSecond !== undefined) {
    return stage((chunk, push, next) => void setTimeout(() => { push(chunk); next(); }, (chunk.length / bytesPerSecond) * 1000));
  }
  return [];
}

async function lagged(reply: http.IncomingMessage, response: http.ServerResponse, lagMs: number): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of reply) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString().replaceAll(/<Contents>.*?<\/Contents>/gs, (block) => (Date.now() - Date.parse(/<LastModified>(.*?)</.exec(block)?.[1] ?? '') < lagMs ? '' : block));
  const { 'content-length': _length, 'transfer-encoding': _encoding, ...headers } = reply.headers;
  response.writeHead(reply.statusCode ?? 502, { ...headers, 'content-length': String(Buffer.byteLength(text)) }).end(text);
}
