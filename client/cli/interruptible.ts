import { Failure } from '../../contracts/failure.ts';

/**
 * Runs work that Ctrl-C ends in order: the signal is aborted, and what the work owes is done before the command ends.
 * @throws Failure E_INTERRUPTED after Ctrl-C
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>, hint = 'nothing was left behind; start it again'): Promise<T> {
  const abort = new AbortController();
  const onSignal = () => abort.abort();
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await work(abort.signal);
  } catch (error) {
    // What was owed could not be done.
    if (abort.signal.aborted && error instanceof Failure && error.details['left'] !== undefined) throw new Failure('E_INTERRUPTED', `interrupted; ${error.message}`, { hint: error.hint, details: error.details, cause: error });
    if (abort.signal.aborted) throw new Failure('E_INTERRUPTED', 'interrupted', { hint, cause: error });
    throw error;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
