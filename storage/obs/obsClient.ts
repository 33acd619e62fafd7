import * as http from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, RequestOptions } from 'node:http';
import * as https from 'node:https';
import { Readable } from 'node:stream';
import type ObsSdk from 'esdk-obs-nodejs';
import type { ObsParameters, ObsReply } from 'esdk-obs-nodejs';
import { Failure } from '../../contracts/failure.ts';
import type { SecretReader } from '../../contracts/secretReader.ts';
import type { ObsAgents } from './obsAgents.ts';
import type { ObsConfig } from './obsConfig.ts';
import { readCredentials, type ObsCredentials } from './obsCredentials.ts';
import { bucketGone, networkFailure, noStore, refusalFailure, type Refusal } from './obsFailure.ts';
import { watchRequest } from './requestWatch.ts';

/** A request without a body of ours or theirs. */
const DEADLINE_MS = 120_000;
/** How long a bucket that was seen is taken to be there: an absent object costs no second request then. */
const BUCKET_MS = 1000;
/** Temporary credentials are renewed behind their references by whoever hands them out. */
const CREDENTIALS_MS = 30_000;
/** A store tells a digest with each of these, and with each listing whether it is the end; a page that a proxy or another server answers with instead is neither an object nor an empty folder. */
const TELL_DIGEST: ReadonlySet<string> = new Set(['PutObject', 'UploadPart', 'GetObject', 'GetObjectMetadata']);
const TELL_END: ReadonlySet<string> = new Set(['ListObjects', 'ListMultipartUploads', 'ListParts']);

export interface ObsAnswer {
  readonly status: number;
  /** The server's own word for a refusal, '' where it has none. */
  readonly code: string;
  readonly result: Record<string, any>;
  readonly headers: IncomingHttpHeaders;
}

export interface ObsCall {
  /** For messages. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Sent as it is, with exactly this length. */
  readonly body?: readonly Uint8Array[] | undefined;
  /** Refusals that are answers: no failure is thrown for them. */
  readonly accept?: readonly number[];
  /** Content or a body passes: only a stall ends it. */
  readonly isTransfer?: boolean;
  /** Instead of the configured one. */
  readonly stallMs?: number;
}

/**
 * The SDK, fenced in: every call is one request, ends in time, and throws a `Failure` unless it succeeded. Bodies are streams with a known length
 * (of anything else the SDK makes text), nothing is repeated or redirected by the SDK, and nothing it forgets to catch reaches the process.
 */
export class ObsClient {
  readonly #sdk: ObsSdk;
  readonly #stallMs: number;
  readonly #renew: (() => Promise<ObsCredentials>) | undefined;
  #credentialsReadAt = performance.now();
  #bucketSeenAt = -Infinity;

  constructor(sdk: ObsSdk, stallMs: number, renew: (() => Promise<ObsCredentials>) | undefined) {
    this.#sdk = sdk;
    this.#stallMs = stallMs;
    this.#renew = renew;
  }

  /** How requests are signed. */
  get signature(): 'obs' | 'v2' {
    return this.#sdk.util.signatureContext!.signature;
  }

  async call(method: string, parameters: ObsParameters, call: ObsCall): Promise<ObsAnswer> {
    call.signal?.throwIfAborted();
    await this.#renewCredentials();
    const reply = await this.#request(method, parameters, call);
    const { InterfaceResult, headers } = reply;
    const result = InterfaceResult ?? {};
    const refusal = refusalOf(reply);
    const { status, code } = refusal;
    if ((status >= 300 || status < 200) && call.accept?.includes(status) !== true) {
      const failure = this.refusal(await this.#reasonOf(refusal, method, parameters, call), call.what);
      // Perhaps the credentials were renewed meanwhile: the next request uses fresh ones.
      if (status === 400 || status === 403) this.#credentialsReadAt = -Infinity;
      throw failure;
    }
    const isOfStore = !(TELL_DIGEST.has(method) && headers.etag === undefined) && !(TELL_END.has(method) && !/^(true|false)$/.test(String(result['IsTruncated'])));
    if (status < 300 && !isOfStore) {
      if (result['Content'] instanceof Readable) result['Content'].destroy();
      throw noStore(status, call.what);
    }
    // This one asks the service, whatever bucket it names.
    if (status < 300 && method !== 'HeadApiVersion') this.#bucketSeenAt = performance.now();
    return { status, code, result, headers };
  }

  /** Whether the bucket was there a moment ago: then something absent is absent in it. */
  get sawBucket(): boolean {
    return performance.now() - this.#bucketSeenAt < BUCKET_MS;
  }

  /** A refusal as a failure. A bucket that was there and is not any more is away, which waiting may cure; one that never was is a mistake. */
  refusal(refusal: Refusal, what: string): Failure {
    return refusal.code === 'NoSuchBucket' && this.#bucketSeenAt > -Infinity ? bucketGone(what) : refusalFailure(refusal, what, this.#renew !== undefined);
  }

  close(): void {
    this.#sdk.close();
  }

  /** A refused HEAD has no body to say why: what needs the same right is asked for with one. */
  async #reasonOf(refusal: Refusal, method: string, parameters: ObsParameters, call: ObsCall): Promise<Refusal> {
    const isHead = method === 'HeadBucket' || method === 'GetObjectMetadata';
    if (!isHead || refusal.code !== '' || (refusal.status !== 400 && refusal.status !== 403)) return refusal;
    const reply = method === 'HeadBucket' ? await this.#request('ListObjects', { ...parameters, MaxKeys: 1 }, call) : await this.#request('GetObject', { ...parameters, Range: 'bytes=0-0' }, call);
    const told = refusalOf(reply);
    return told.status === refusal.status ? told : refusal;
  }

  async #request(method: string, parameters: ObsParameters, call: ObsCall): Promise<ObsReply & { readonly headers: IncomingHttpHeaders }> {
    for (let isFirst = true; ; isFirst = false) {
      let wasReused = false;
      let answer: IncomingMessage | undefined;
      try {
        const reply = await new Promise<ObsReply>((resolve, reject) => {
          const watch = watchRequest({ stallMs: call.stallMs ?? this.#stallMs, deadlineMs: call.isTransfer === true ? undefined : DEADLINE_MS }, call.what, call.signal, reject);
          const body = call.body === undefined ? {} : { Body: Readable.from(call.body, { objectMode: false }) };
          const hooks = {
            RequestHook: (request: Parameters<typeof watch.hook>[0]): void => {
              watch.hook(request);
              request.once('socket', () => (wasReused = request.reusedSocket));
            },
            ResponseHook: (response: IncomingMessage): void => void (answer = response),
          };
          const done = (error: Error | null, made: ObsReply): void => {
            watch.stop();
            if (error === null || error === undefined) resolve(made);
            else reject(error);
          };
          try {
            this.#sdk.exec(method, { ...parameters, ...body, ...hooks }, done);
          } catch (error) {
            done(error as Error, undefined as never);
          }
        });
        return { ...reply, headers: answer?.headers ?? {} };
      } catch (error) {
        call.signal?.throwIfAborted();
        // The server closed an idle connection just when it was used again: no answer, and nothing is wrong with it.
        if (isFirst && wasReused && answer === undefined && /^(ECONNRESET|EPIPE)$/.test((error as NodeJS.ErrnoException).code ?? '')) continue;
        throw networkFailure(error, call.what);
      }
    }
  }

  async #renewCredentials(): Promise<void> {
    if (this.#renew === undefined || performance.now() - this.#credentialsReadAt < CREDENTIALS_MS) return;
    this.#credentialsReadAt = performance.now();
    // Somebody may be writing them just now: those we have are used until the server refuses them.
    const credentials = await this.#renew().catch(() => undefined);
    if (credentials !== undefined) this.#sdk.refresh(credentials.accessKey, credentials.secretKey, credentials.securityToken);
  }
}

/** What a reply says of itself. Without a code, the message is the SDK's own about a body that is no XML. */
function refusalOf({ CommonMsg: { Status: status, Code, Message } }: ObsReply): Refusal {
  const code = typeof Code === 'string' ? Code : '';
  return { status, code, message: code === '' || typeof Message !== 'string' ? '' : Message };
}

/** Instead of the SDK, which sets a timer that answers without ending the request, and leaves the port out of the name of the server: a proxy then does not know where to. */
function makeRequestOf(options: RequestOptions, isSecure: boolean): ClientRequest {
  const host = `${options.host}${Number(options.port) === (isSecure ? 443 : 80) ? '' : `:${options.port}`}`;
  const request = (isSecure ? https : http).request({ ...options, headers: { ...(options.headers as OutgoingHttpHeaders), Host: host } });
  request.setNoDelay(true);
  return request;
}

/**
 * Connects as the configuration says. Asks the server for its signature where that is not given.
 * @throws Failure E_SECRET, and what the request of `auto` throws
 */
export async function createObsClient(config: ObsConfig, agents: ObsAgents, readSecret: SecretReader, shown: string): Promise<ObsClient> {
  const { default: Sdk } = await import('esdk-obs-nodejs');
  const url = new URL(config.endpoint);
  const isSecure = url.protocol === 'https:';
  const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
  const credentials = await readCredentials(config, readSecret);
  const pathStyle = config.pathStyle === true;
  const connect = async (signature: 'obs' | 'v2'): Promise<ObsClient> => {
    const sdk = new Sdk({
      access_key_id: credentials.accessKey, secret_access_key: credentials.secretKey, security_token: credentials.securityToken,
      server: url.hostname, port, is_secure: isSecure, ssl_verify: true, path_style: pathStyle, signature, is_signature_negotiation: false,
      max_retry_count: 0, http_agent: agents.http, https_agent: agents.https, third_http_lib: { request: (options) => makeRequestOf(options, isSecure) },
    });
    // Its constructor goes on after it returned.
    while (sdk.util.signatureContext === null) await new Promise((resolve) => setImmediate(resolve));
    if (sdk.util.signatureContext.signature !== signature) throw new Failure('E_CONFIG', `${shown} cannot be signed for as ${signature}`, { hint: 'remove signature from the destination' });
    const makeRequest = sdk.util.makeRequest;
    sdk.util.makeRequest = (method, options, attempt, done) => {
      // It calls every body JSON, whatever it was told.
      if (options.xml instanceof Readable) options.headers['Content-Type'] = 'application/octet-stream';
      // What it throws itself it leaves to nobody, and then never answers.
      return makeRequest.call(sdk.util, method, options, attempt, done).catch(done);
    };
    const renew = config.securityToken === undefined ? undefined : (): Promise<ObsCredentials> => readCredentials(config, readSecret);
    return new ObsClient(sdk, config.stallSeconds * 1000, renew);
  };
  if (config.signature !== 'auto') return await connect(config.signature);
  if (pathStyle) return await connect('v2');
  const client = await connect('obs');
  const { status, result } = await client.call('HeadApiVersion', { Bucket: config.bucket }, { what: shown, accept: [400, 403, 404, 405, 501] });
  return status < 300 && String(result['ApiVersion'] ?? '') >= '3.0' ? client : await connect('v2');
}
