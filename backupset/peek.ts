import { compareKeys } from '../contracts/compareKeys.ts';
import { Failure } from '../contracts/failure.ts';

/** A sorted stream with its next item in view. */
export class Peek<T> {
  head: T | undefined;
  #batch: Iterator<T>;
  readonly #batches: AsyncIterator<Iterable<T>> | undefined;
  readonly #keyOf: (item: T) => string;

  private constructor(items: AsyncIterable<Iterable<T>> | Iterable<T>, keyOf: (item: T) => string) {
    this.#batch = (Symbol.asyncIterator in items ? [] : items)[Symbol.iterator]();
    this.#batches = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : undefined;
    this.#keyOf = keyOf;
  }

  /** @param items many at once where they come by and by */
  static async of<T>(items: AsyncIterable<Iterable<T>> | Iterable<T>, keyOf: (item: T) => string): Promise<Peek<T>> {
    const peek = new Peek(items, keyOf);
    peek.head = peek.#here() ?? await peek.#fetched();
    return peek;
  }

  /** The item in view, and the next one comes into view. @throws Failure E_INTERNAL when the keys are not in order */
  async take(): Promise<T> {
    const taken = this.head!;
    this.#show(this.#here() ?? await this.#fetched());
    return taken;
  }

  /** The same where the next one is here already; otherwise nothing happens. @throws Failure as `take` */
  takeHere(): T | undefined {
    const next = this.#here();
    if (next === undefined) return undefined;
    const taken = this.head;
    this.#show(next);
    return taken;
  }

  #show(next: T | undefined): void {
    if (next !== undefined && compareKeys(this.#keyOf(this.head!), this.#keyOf(next)) >= 0) throw new Failure('E_INTERNAL', `keys are not in order: ${this.#keyOf(next)} comes after ${this.#keyOf(this.head!)}`);
    this.head = next;
  }

  #here(): T | undefined {
    const { done, value } = this.#batch.next();
    return done === true ? undefined : value;
  }

  async #fetched(): Promise<T | undefined> {
    for (;;) {
      const more = await this.#batches?.next();
      if (more === undefined || more.done === true) return undefined;
      this.#batch = more.value[Symbol.iterator]();
      const first = this.#here();
      if (first !== undefined) return first;
    }
  }
}
