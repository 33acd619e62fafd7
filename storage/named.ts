import { Failure } from '../contracts/failure.ts';
import type { StorageSession } from './storageDriver.ts';

/** Says in every failure which destination it is about. */
export function named(session: StorageSession, destination: string): StorageSession {
  const tell = (error: unknown): unknown => {
    if (!(error instanceof Failure) || error.rule.kind !== 'destination') return error;
    return new Failure(error.code, error.message.includes(destination) ? error.message : `${destination}: ${error.message}`, { hint: error.hint, details: { ...error.details, destination }, cause: error });
  };
  const told = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw tell(error);
    }
  };
  async function* toldOf<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* items;
    } catch (error) {
      throw tell(error);
    }
  }
  return {
    ...(session.found === undefined ? {} : { found: session.found }),
    ...(session.localFile === undefined ? {} : { localFile: (key: string) => session.localFile!(key) }),
    ...(session.create === undefined ? {} : { create: (...args: Parameters<NonNullable<StorageSession['create']>>) => told(() => session.create!(...args)) }),
    put: (...args) => told(() => session.put(...args)),
    get: (...args) => toldOf(session.get(...args)),
    stat: (...args) => told(() => session.stat(...args)),
    list: (...args) => toldOf(session.list(...args)),
    remove: (...args) => told(() => session.remove(...args)),
    space: (...args) => told(() => session.space(...args)),
    unfinished: (...args) => toldOf(session.unfinished(...args)),
    sweep: (...args) => told(() => session.sweep(...args)),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
