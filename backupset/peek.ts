import { compareKeys } from '../contracts/compareKeys.ts';
import { Failure } from '../contracts/failure.ts';

/** A sorted stream with its next item in view. */
export class Peek<T> {
  head: T | undefined;
  readonly #items: AsyncIterator<T> | Iterator<T>;
  readonly #keyOf: (item: T) => string;

  private constructor(items: AsyncIterable<T> | Iterable<T>, keyOf: (item: T) => string) {
    this.#items = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#keyOf = keyOf;
  }

  static async of<T>(items: AsyncIterable<T> | Iterable<T>, keyOf: (item: T) => string): Promise<Peek<T>> {
    const peek = new Peek(items, keyOf);
    peek.head = await peek.#next();
    return peek;
  }

  /** @throws Failure E_INTERNAL when the keys are not in order */
  async take(): Promise<T> {
    const taken = this.head!;
    this.head = await this.#next();
    if (this.head !== undefined && compareKeys(this.#keyOf(taken), this.#keyOf(this.head)) >= 0) throw new Failure('E_INTERNAL', `keys are not in order: ${this.#keyOf(this.head)} comes after ${this.#keyOf(taken)}`);
    return taken;
  }

  async #next(): Promise<T | undefined> {
    const { done, value } = await this.#items.next();
    return done === true ? undefined : value;
  }
}
