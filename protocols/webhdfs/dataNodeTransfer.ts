import http from 'node:http';
import https from 'node:https';
import { awaitResponse, connectionError, openRequest, readBody, remoteError } from './httpExchange.ts';
import { StallWatch } from './stallWatch.ts';
import { WebHdfsError } from './webHdfsError.ts';

/** A transfer to or from the DataNode a NameNode named. */
export interface Transfer {
  readonly location: string;
  readonly op: string;
  readonly path: string;
  readonly stallMs: number;
  readonly signal: AbortSignal | undefined;
}

const ERROR_LIMIT_BYTES = 1 << 20;

/** A DataNode closes the connection after every request: a socket of its own for each. */
function ownSocket(url: URL): http.Agent {
  return url.protocol === 'https:' ? new https.Agent({ keepAlive: false }) : new http.Agent({ keepAlive: false });
}

/** Bytes of an OPEN: exactly `length` of them. A DataNode's death shows as ECONNRESET or as too few bytes; both are errors. */
export async function* receive(transfer: Transfer, length: number): AsyncGenerator<Uint8Array> {
  const url = new URL(transfer.location);
  const where = { op: transfer.op, path: transfer.path, host: url.host };
  const request = openRequest({ method: 'GET', url, agent: ownSocket(url), op: transfer.op, path: transfer.path, signal: transfer.signal });
  using watch = new StallWatch(transfer.stallMs, (error) => request.destroy(error));
  let received = 0;
  try {
    watch.begin();
    const answer = awaitResponse(request);
    request.end();
    const response = await answer;
    if (response.statusCode !== 200) throw remoteError(response.statusCode ?? 0, await readBody(response, ERROR_LIMIT_BYTES), transfer);
    const promised = Number(response.headers['content-length'] ?? length);
    const parts = (response as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    for (;;) {
      watch.begin();
      const next = await parts.next();
      watch.end();
      if (next.done === true) break;
      received += next.value.length;
      if (received > length) throw new WebHdfsError(`the DataNode sends more than the ${length} bytes asked for`, { kind: 'short', exception: 'TooMuch', status: 200, op: transfer.op, path: transfer.path });
      yield next.value;
    }
    if (received < promised || !response.complete) throw Object.assign(new Error(`connection ended after ${received} of ${promised} bytes`), { code: 'ECONNRESET' });
    if (received < length) throw new WebHdfsError(`ends after ${received} of ${length} bytes`, { kind: 'short', exception: 'EOF', status: 200, op: transfer.op, path: transfer.path });
  } catch (cause) {
    throw connectionError(watch.stalled ?? cause, where, transfer.signal);
  } finally {
    request.destroy();
  }
}

/** A small answer of a DataNode (GETFILECHECKSUM). */
export async function askDataNode(transfer: Transfer): Promise<Buffer> {
  const url = new URL(transfer.location);
  const request = openRequest({ method: 'GET', url, agent: ownSocket(url), op: transfer.op, path: transfer.path, signal: transfer.signal });
  using watch = new StallWatch(transfer.stallMs, (error) => request.destroy(error));
  try {
    watch.begin();
    const answer = awaitResponse(request);
    request.end();
    const response = await answer;
    const body = await readBody(response, ERROR_LIMIT_BYTES);
    if (response.statusCode !== 200) throw remoteError(response.statusCode ?? 0, body, transfer);
    return body;
  } catch (cause) {
    throw connectionError(watch.stalled ?? cause, { op: transfer.op, path: transfer.path, host: url.host }, transfer.signal);
  } finally {
    request.destroy();
  }
}

/** Sends a body by PUT with back-pressure and returns its length. The server's refusal in mid-body is the error, not the broken pipe that follows it. */
export async function send(transfer: Transfer, body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, length: number | undefined): Promise<number> {
  const url = new URL(transfer.location);
  const headers = { 'Content-Type': 'application/octet-stream', ...(length === undefined ? {} : { 'Content-Length': length }) };
  const request = openRequest({ method: 'PUT', url, agent: ownSocket(url), headers, op: transfer.op, path: transfer.path, signal: transfer.signal });
  using watch = new StallWatch(transfer.stallMs, (error) => request.destroy(error));
  const answer = awaitResponse(request);
  let ended = false;
  const over = answer.then(() => { ended = true; }, () => { ended = true; });
  let sent = 0;
  try {
    try {
      for await (const part of body) {
        if (ended) break;
        sent += part.length;
        if (length !== undefined && sent > length) throw wrongLength(transfer, sent, length);
        if (!request.write(part)) {
          watch.begin();
          await Promise.race([new Promise((resolve) => request.once('drain', resolve)), over]);
          watch.end();
        }
      }
      if (!ended && length !== undefined && sent !== length) throw wrongLength(transfer, sent, length);
    } catch (error) {
      // The body's own failure: break the connection at once, and let nobody wait for an answer.
      request.destroy();
      await over;
      throw new BodyFailure(error);
    }
    if (!ended) request.end();
    watch.begin();
    const response = await answer;
    const text = await readBody(response, ERROR_LIMIT_BYTES);
    const status = response.statusCode ?? 0;
    if (status < 200 || status >= 300) throw remoteError(status, text, transfer);
    if (ended && length !== undefined && sent !== length) throw wrongLength(transfer, sent, length);
    return sent;
  } catch (cause) {
    if (cause instanceof BodyFailure) throw cause.cause;
    throw connectionError(watch.stalled ?? cause, { op: transfer.op, path: transfer.path, host: url.host }, transfer.signal);
  } finally {
    request.destroy();
  }
}

/** Marks what the body threw, which must reach the caller unchanged. */
class BodyFailure extends Error {
  constructor(cause: unknown) {
    super('the body failed', { cause });
  }
}

function wrongLength(transfer: Transfer, sent: number, length: number): WebHdfsError {
  return new WebHdfsError(`the body has ${sent > length ? 'more' : `${sent}`} bytes than the ${length} promised`, { kind: 'short', exception: 'WrongLength', status: 0, op: transfer.op, path: transfer.path });
}
