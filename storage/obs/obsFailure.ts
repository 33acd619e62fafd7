import { Failure } from '../../contracts/failure.ts';
import type { FailureCode } from '../../contracts/failures.ts';

/** What a server answered instead of what was asked for. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

interface Verdict {
  readonly code: FailureCode;
  readonly hint?: string;
}

const CREDENTIAL: Verdict = { code: 'E_DESTINATION_DENIED', hint: 'check the access key and the secret key behind the references of the destination, and whether the server wants pathStyle: true' };
const QUOTA: Verdict = { code: 'E_DESTINATION_FULL', hint: 'raise the quota of the bucket, or make space in it; the run goes on by itself' };
const FRESH = 'put fresh temporary credentials, all three of one issue, behind the references of the destination; the run goes on by itself';
const EXPIRED: Verdict = { code: 'E_DESTINATION_UNREACHABLE', hint: FRESH };
const UNSUPPORTED: Verdict = { code: 'E_UNSUPPORTED', hint: 'the server cannot do what the destination asks for: check storageClass and serverSideEncryption' };
const AGAIN: Verdict = { code: 'E_DESTINATION_UNREACHABLE', hint: 'the bytes were damaged or cut on the way; they are sent again' };

/** By the server’s own word, which says more than its status. Names of OBS, S3, Ceph and MinIO. */
const BY_CODE: ReadonlyMap<string, Verdict> = new Map(Object.entries({
  InvalidAccessKeyId: CREDENTIAL,
  SignatureDoesNotMatch: CREDENTIAL,
  InvalidSecurity: CREDENTIAL,
  InvalidToken: CREDENTIAL,
  RequestTimeTooSkewed: { code: 'E_DESTINATION_DENIED', hint: 'set the clock of the worker: the server refuses requests that are more than 15 minutes off' },
  ExpiredToken: EXPIRED,
  TokenRefreshRequired: EXPIRED,
  InsufficientStorageSpace: QUOTA,
  QuotaExceeded: QUOTA,
  QuotaExceed: QUOTA,
  XMinioAdminBucketQuotaExceeded: QUOTA,
  XMinioStorageFull: QUOTA,
  BadDigest: AGAIN,
  IncompleteBody: AGAIN,
  RequestTimeout: AGAIN,
  NoSuchUpload: { code: 'E_DESTINATION_UNREACHABLE', hint: 'the unfinished upload was removed by somebody else; it is made again' },
  OperationAborted: { code: 'E_DESTINATION_UNREACHABLE' },
  NoSuchBucket: { code: 'E_DESTINATION_PATH', hint: 'check bucket and endpoint of the destination, or create the bucket' },
  EntityTooLarge: { code: 'E_DESTINATION_PATH', hint: 'lower multipartAbove of the destination below what the server takes at once' },
  NotImplemented: UNSUPPORTED,
  InvalidStorageClass: UNSUPPORTED,
  InvalidEncryptionAlgorithmError: UNSUPPORTED,
  InArrearOrInsufficientBalance: { code: 'E_DESTINATION_DENIED', hint: 'the account of the bucket is in arrears' },
}));

/** Characters. */
const MOST_WORDS = 300;
const PROXY = 'the proxy of the destination does not let us through: check proxy and endpoint; one that asks for a password is not supported';
const ANOTHER_SERVER = 'is a proxy or another kind of server at the endpoint of the destination?';

/** Certificates that are not trusted: nobody is spoken to who cannot say who he is. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ALTNAME/;

/**
 * A refusal as a destination failure.
 * @param isTemporary the credentials expire: then OBS itself says InvalidAccessKeyId, and any of them may be from another issue while they are being replaced
 */
export function refusalFailure({ status, code, message }: Refusal, what: string, isTemporary = false): Failure {
  const verdict = BY_CODE.get(code) ?? byStatus(status);
  const { code: failureCode, hint } = verdict === CREDENTIAL && isTemporary ? EXPIRED : verdict;
  return new Failure(failureCode, `${[`HTTP ${status}`, printable(code), printable(message)].filter((part) => part !== '').join(' ')}, at ${what}`, { ...(hint === undefined ? {} : { hint }), details: { status, answer: printable(code) } });
}

/** Temporary credentials that were there when a run began cannot be read: somebody is replacing them. */
export function credentialsAway(error: Failure, what: string): Failure {
  return new Failure('E_DESTINATION_UNREACHABLE', `${error.message}, at ${what}`, { hint: FRESH, cause: error });
}

/** Success was answered by something that is no object store. */
export function noStore(status: number, what: string): Failure {
  return new Failure('E_DESTINATION_UNREACHABLE', `HTTP ${status}, but not from an object store, at ${what}`, { hint: ANOTHER_SERVER });
}

/** Words of a server, for a line of a terminal and of a log. */
function printable(text: string): string {
  const clean = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return clean.length > MOST_WORDS ? `${clean.slice(0, MOST_WORDS)}…` : clean;
}

/** The bucket of an open session is not there any more. */
export function bucketGone(what: string): Failure {
  return new Failure('E_DESTINATION_UNREACHABLE', `the bucket is gone, at ${what}`, { hint: 'was it deleted or renamed, or does the endpoint lead elsewhere now? bring it back; a run goes on by itself', details: { answer: 'NoSuchBucket' } });
}

function byStatus(status: number): Verdict {
  if (status === 507) return QUOTA;
  if (status === 401 || status === 403) return { code: 'E_DESTINATION_DENIED', hint: 'check the credential of the destination, and its rights on the bucket: list, read, write, delete, multipart uploads' };
  if (status === 407) return { code: 'E_DESTINATION_DENIED', hint: PROXY };
  if (status >= 300 && status < 400) return { code: 'E_DESTINATION_PATH', hint: 'the bucket is elsewhere: name the endpoint of its own region; redirections are not followed' };
  if (status === 501) return UNSUPPORTED;
  if (status === 500) return { code: 'E_DESTINATION_UNREACHABLE', hint: 'the server failed by itself: look into its log, and whether its disk is full or the quota of the bucket used up; a run goes on by itself' };
  if (status === 408 || status === 409 || status === 429 || status >= 500) return { code: 'E_DESTINATION_UNREACHABLE' };
  return { code: 'E_DESTINATION_PATH', hint: 'check endpoint, bucket and options of the destination in the configuration' };
}

/** An error of the network as a destination failure; failures pass unchanged. */
export function networkFailure(error: unknown, what: string): unknown {
  if (error instanceof Failure || !(error instanceof Error)) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const told = `${code === '' || error.message.includes(code) ? '' : `${code} `}${printable(error.message)}, at ${what}`;
  if (UNTRUSTED.test(code)) return new Failure('E_DESTINATION_DENIED', told, { hint: certificateHint(code), details: { errno: code }, cause: error });
  const hint = code === 'ERR_PROXY_TUNNEL' ? PROXY : code === '' || code.startsWith('HPE_') ? ANOTHER_SERVER : code === 'EPROTO' ? 'what answers there does not speak TLS as it should: check endpoint and port' : code === 'ENOTFOUND' ? 'no such name: check endpoint, and whether the server wants pathStyle: true, as the bucket is otherwise put before its name' : undefined;
  return new Failure('E_DESTINATION_UNREACHABLE', told, { ...(hint === undefined ? {} : { hint }), details: { errno: code }, cause: error });
}

function certificateHint(code: string): string {
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'renew the certificate of the server, or set the clock of the worker';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'the certificate is for other names: check endpoint, and whether the server wants pathStyle: true, as the bucket is otherwise put before its name';
  return 'the certificate of the server is not trusted: name the file of its authority as caFile of the destination, or check the endpoint';
}
