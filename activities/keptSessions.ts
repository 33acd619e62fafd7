import { Failure } from '../contracts/failure.ts';
import type { StorageSession } from '../storage/storageDriver.ts';
import { wrapSession } from '../storage/wrapSession.ts';

interface Idle {
  readonly place: string;
  readonly session: StorageSession;
  readonly timer: NodeJS.Timeout;
}

/** Between two steps of a run are some milliseconds; what is kept longer only holds a server's place. */
const IDLE_MS = 5_000;
const MOST_IDLE = 12;

/**
 * Sessions that one step of a run leaves to the next, where making one is dear: a run has about ten steps, and a log-in or a child process costs each
 * some 0.1 s. Only one of which every request went well is left; after any failure the next step begins with a connection of its own.
 */
export class KeptSessions implements AsyncDisposable {
  #idle: Idle[] = [];
  #closed = false;

  /**
   * A session for `place`: one that was left, or a new one. Nobody else has it until it is disposed.
   * @param place tells two apart that are not the same: configuration and writer
   */
  async lend(place: string, open: () => Promise<StorageSession>): Promise<StorageSession> {
    const kept = this.#idle.findLast((each) => each.place === place);
    if (kept !== undefined) this.#take(kept);
    const session = kept?.session ?? (await open());
    return session.reusable === true ? this.#lent(place, session) : session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#idle].map((each) => this.#end(each)));
  }

  #lent(place: string, session: StorageSession): StorageSession {
    let underWay = 0;
    let failed = false;
    let ended = false;
    const begin = (): void => {
      // Somebody else may have it already.
      if (ended) throw new Failure('E_DESTINATION_UNREACHABLE', 'the session is closed');
      underWay += 1;
    };
    const note = (error: unknown): unknown => {
      if (!(error instanceof Failure && error.code === 'E_OBJECT_NOT_FOUND')) failed = true;
      return error;
    };
    return wrapSession(session, {
      async around(work) {
        begin();
        try {
          return await work();
        } catch (error) {
          throw note(error);
        } finally {
          underWay -= 1;
        }
      },
      async *aroundItems(items) {
        begin();
        try {
          yield* items();
        } catch (error) {
          throw note(error);
        } finally {
          underWay -= 1;
        }
      },
      dispose: async () => {
        if (ended) return;
        ended = true;
        // What is still under way must not reach the destination after this step.
        if (failed || underWay > 0 || this.#closed) return await session[Symbol.asyncDispose]();
        this.#keep(place, session);
      },
    });
  }

  #keep(place: string, session: StorageSession): void {
    const kept: Idle = { place, session, timer: setTimeout(() => void this.#end(kept), IDLE_MS).unref() };
    this.#idle.push(kept);
    if (this.#idle.length > MOST_IDLE) void this.#end(this.#idle[0]!);
  }

  #take(kept: Idle): void {
    clearTimeout(kept.timer);
    this.#idle = this.#idle.filter((each) => each !== kept);
  }

  async #end(kept: Idle): Promise<void> {
    this.#take(kept);
    try {
      await kept.session[Symbol.asyncDispose]();
    } catch {
      // What does not close is nobody's trouble any more.
    }
  }
}
