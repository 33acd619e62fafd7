import http from 'node:http';
import https from 'node:https';
import { WebHdfsError, kindOf } from './webHdfsError.ts';

/** One HTTP request on its way: what `sendRequest` needs. */
export interface Exchange {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly agent: http.Agent;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly op: string;
  readonly path: string;
  readonly signal: AbortSignal | undefined;
}

/** Opens a request; the caller ends it. Only http and https: a redirection may not lead anywhere else. */
export function openRequest(exchange: Exchange): http.ClientRequest {
  const { url } = exchange;
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new WebHdfsError(`redirected to ${url.protocol}//, which is neither http nor https`, { kind: 'invalid', exception: 'Redirect', status: 0, op: exchange.op, path: exchange.path });
  }
  const send = url.protocol === 'https:' ? https.request : http.request;
  return send(url, {
    method: exchange.method,
    agent: exchange.agent,
    headers: { ...exchange.headers },
    ...(exchange.signal === undefined ? {} : { signal: exchange.signal }),
  });
}

/** The answer's head, or the error that came instead. Body errors are seen by whoever reads the body. */
export function awaitResponse(request: http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
  });
}

/** Reads a small answer, at most `limitBytes`. */
export async function readBody(response: http.IncomingMessage, limitBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > limitBytes) {
      response.destroy();
      throw new Error(`the answer is larger than ${limitBytes} bytes`);
    }
    parts.push(part);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, size);
}

/** A system or stream error as WebHdfsError; an abort of the caller is passed on as it is. */
export function connectionError(cause: unknown, where: { readonly op: string; readonly path: string; readonly host: string }, signal: AbortSignal | undefined): unknown {
  if (cause instanceof WebHdfsError) return cause;
  if (signal?.aborted) return signal.reason;
  const code = (cause as NodeJS.ErrnoException).code ?? (cause as Error).name;
  const said = cause instanceof Error && cause.message !== '' ? cause.message : code;
  return new WebHdfsError(`${where.host}: ${said}`, { kind: 'unreachable', exception: code, status: 0, op: where.op, path: where.path, cause });
}

/** The error in an answer that is not a success: a `RemoteException`, or whatever a proxy or a servlet container says. */
export function remoteError(status: number, body: Buffer, where: { readonly op: string; readonly path: string }): WebHdfsError {
  const text = body.toString('utf8');
  let exception = `HTTP ${status}`;
  let message = text.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim().slice(0, 300) || `HTTP status ${status}`;
  try {
    const remote = (JSON.parse(text) as { RemoteException?: { exception?: string; message?: string } }).RemoteException;
    if (remote !== undefined) {
      exception = remote.exception ?? exception;
      // The first line; what follows is a Java stack.
      message = `${exception}: ${(remote.message ?? '').split('\n')[0]!.slice(0, 1000)}`;
    }
  } catch {
    // Not JSON: an HTML page; its words are the message.
  }
  return new WebHdfsError(message, { kind: kindOf(exception, status, message), exception, status, op: where.op, path: where.path });
}
