import type { FailureCode } from '../../contracts/failures.ts';
import { Failure } from '../../contracts/failure.ts';
import { WebHdfsError, type WebHdfsErrorKind } from '../../protocols/webhdfs/webHdfsError.ts';

const codes: Readonly<Record<WebHdfsErrorKind, FailureCode>> = {
  unreachable: 'E_SOURCE_UNREACHABLE',
  safeMode: 'E_SOURCE_UNREACHABLE',
  standby: 'E_SOURCE_UNREACHABLE',
  busy: 'E_SOURCE_UNREACHABLE', // the lease of a writer that died ends by itself
  notFound: 'E_SOURCE_PATH',
  denied: 'E_SOURCE_DENIED',
  full: 'E_SOURCE_FULL',
  snapshot: 'E_SOURCE_PATH',
  exists: 'E_TARGET_EXISTS',
  short: 'E_CORRUPT',
  invalid: 'E_SOURCE_PATH',
};

/** An error of the client as a failure of this source; anything else (an abort, a defect) unchanged. */
export function sourceFailure(error: unknown): unknown {
  if (!(error instanceof WebHdfsError)) return error;
  const code = codes[error.kind];
  const hint = error.kind === 'safeMode' ? { hint: 'the NameNode is in safe mode; the run goes on by itself when it has left it' }
    : error.kind === 'standby' ? { hint: 'no NameNode of this NameService is active; the run goes on by itself when one is' } : {};
  return new Failure(code, `HDFS: ${error.message}`, { ...hint, cause: error });
}

/** Whether the client said this of a call. */
export function isKind(error: unknown, ...kinds: readonly WebHdfsErrorKind[]): boolean {
  return error instanceof WebHdfsError && kinds.includes(error.kind);
}

/** Runs a call and translates what it throws. */
export async function atEdge<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw sourceFailure(error);
  }
}

/** The same for a stream. */
export async function* streamAtEdge<T>(stream: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* stream;
  } catch (error) {
    throw sourceFailure(error);
  }
}
