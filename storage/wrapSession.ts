import type { StorageSession } from './storageDriver.ts';

/** What is put around each request of a session. */
export interface SessionWrap {
  around<T>(work: () => Promise<T>): Promise<T>;
  aroundItems<T>(items: () => AsyncIterable<T>): AsyncGenerator<T>;
  dispose(): PromiseLike<void>;
}

/** The same session, with something around every request and around its end. */
export function wrapSession(session: StorageSession, { around, aroundItems, dispose }: SessionWrap): StorageSession {
  return {
    ...(session.found === undefined ? {} : { found: session.found }),
    ...(session.reusable === undefined ? {} : { reusable: session.reusable }),
    ...(session.localFile === undefined ? {} : { localFile: (key: string) => session.localFile!(key) }),
    ...(session.create === undefined ? {} : { create: (...args: Parameters<NonNullable<StorageSession['create']>>) => around(() => session.create!(...args)) }),
    put: (...args) => around(() => session.put(...args)),
    get: (...args) => aroundItems(() => session.get(...args)),
    stat: (...args) => around(() => session.stat(...args)),
    list: (...args) => aroundItems(() => session.list(...args)),
    remove: (...args) => around(() => session.remove(...args)),
    space: (...args) => around(() => session.space(...args)),
    unfinished: (...args) => aroundItems(() => session.unfinished(...args)),
    sweep: (...args) => around(() => session.sweep(...args)),
    [Symbol.asyncDispose]: dispose,
  };
}
