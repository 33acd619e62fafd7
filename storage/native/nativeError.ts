/** A call of a client library that failed. */
export class NativeError extends Error {
  override readonly name = 'NativeError';
  /** Name of the system error, such as `ENOENT`. */
  readonly code: string;
  /** The connection is of no more use: the child process ends, and the next request begins a new one. */
  readonly connectionLost: boolean;

  constructor(code: string, message: string, connectionLost = false) {
    super(message);
    this.code = code;
    this.connectionLost = connectionLost;
  }
}
