import { Failure } from '../contracts/failure.ts';
import type { StorageSession } from './storageDriver.ts';
import { wrapSession } from './wrapSession.ts';

/** Says in every failure which destination it is about. */
export function named(session: StorageSession, destination: string): StorageSession {
  const tell = (error: unknown): unknown => {
    if (!(error instanceof Failure) || error.rule.kind !== 'destination') return error;
    return new Failure(error.code, error.message.includes(destination) ? error.message : `${destination}: ${error.message}`, { hint: error.hint, details: { ...error.details, destination }, cause: error });
  };
  return wrapSession(session, {
    async around(work) {
      try {
        return await work();
      } catch (error) {
        throw tell(error);
      }
    },
    async *aroundItems(items) {
      try {
        yield* items();
      } catch (error) {
        throw tell(error);
      }
    },
    dispose: () => session[Symbol.asyncDispose](),
  });
}
