/** What happened, in words that belong to no side: data sources map them to source codes, storage to destination codes. */
export type WebHdfsErrorKind =
  | 'unreachable' // refused, reset, timed out, stalled, no live DataNode: waiting helps
  | 'safeMode' // waiting helps
  | 'standby' // no active NameNode among those named: waiting helps
  | 'notFound'
  | 'denied'
  | 'full' // quota exceeded or no space: waiting helps once someone made space
  | 'snapshot' // SnapshotException
  | 'exists'
  | 'busy' // someone holds the file open
  | 'short' // fewer or other bytes than promised
  | 'invalid'; // refused for a reason that waiting does not change

export interface WebHdfsErrorFields {
  readonly kind: WebHdfsErrorKind;
  /** `SnapshotException`, `ECONNREFUSED` ...: the remote class or the system's code. */
  readonly exception: string;
  /** HTTP status, 0 without an answer. */
  readonly status: number;
  readonly op: string;
  readonly path: string;
  readonly cause?: unknown;
}

/** Any failure of a WebHDFS call. The message names operation and path and carries the server's first line. */
export class WebHdfsError extends Error {
  readonly kind: WebHdfsErrorKind;
  readonly exception: string;
  readonly status: number;
  readonly op: string;
  readonly path: string;

  constructor(message: string, fields: WebHdfsErrorFields) {
    super(`${fields.op} ${fields.path}: ${message}`, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'WebHdfsError';
    this.kind = fields.kind;
    this.exception = fields.exception;
    this.status = fields.status;
    this.op = fields.op;
    this.path = fields.path;
  }
}

const byException: Readonly<Record<string, WebHdfsErrorKind>> = {
  SafeModeException: 'safeMode',
  StandbyException: 'standby',
  ObserverRetryOnActiveException: 'standby',
  RetriableException: 'unreachable',
  ConnectException: 'unreachable',
  ConnectTimeoutException: 'unreachable',
  SocketTimeoutException: 'unreachable',
  NoRouteToHostException: 'unreachable',
  EOFException: 'unreachable',
  ClosedChannelException: 'unreachable',
  BlockMissingException: 'unreachable',
  ServerTooBusyException: 'unreachable',
  FileNotFoundException: 'notFound',
  AccessControlException: 'denied',
  SecurityException: 'denied',
  AuthorizationException: 'denied',
  SuperUserRequiredException: 'denied',
  NSQuotaExceededException: 'full',
  DSQuotaExceededException: 'full',
  QuotaByStorageTypeExceededException: 'full',
  QuotaExceededException: 'full',
  SnapshotException: 'snapshot',
  NestedSnapshottableDirectoryException: 'snapshot',
  FileAlreadyExistsException: 'exists',
  AlreadyBeingCreatedException: 'busy',
  CannotObtainBlockLengthException: 'busy',
  RecoveryInProgressException: 'busy',
  LeaseExpiredException: 'busy',
};

/** The kind of a `RemoteException`, from its class and, where HDFS throws a bare IOException, its words. */
export function kindOf(exception: string, status: number, message: string): WebHdfsErrorKind {
  const known = byException[exception];
  if (known !== undefined) return known;
  if (/could only be written to \d+ of the|minReplication|Failed to find datanode|no live datanode|No active nodes contain|not excluded nodes contain/i.test(message)) return 'unreachable';
  if (/quota of .* exceeded|No space left/i.test(message)) return 'full';
  if (/safe mode/i.test(message)) return 'safeMode';
  if (/All datanodes .* are bad|Connection (refused|reset)|Filesystem closed|Premature EOF/i.test(message)) return 'unreachable';
  if (/is under construction|not closed/i.test(message)) return 'busy';
  if (/must both be directories/i.test(message)) return 'exists'; // RENAME of a file onto a directory, also where it may overwrite
  if (/out of the range/i.test(message)) return 'short'; // OPEN beyond the end
  if (status === 401) return 'denied';
  if (status === 503 || status === 502 || status === 504 || status === 429) return 'unreachable';
  return 'invalid';
}
