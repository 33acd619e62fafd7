/** Calls `onStall` when one wait between `begin` and `end` lasts longer than `stallMs`. Time the consumer takes is not counted. */
export class StallWatch implements Disposable {
  /** What the wait was ended with: the broken connection itself only says that it is broken. */
  stalled: Error | undefined;
  #waitingSince: number | undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(stallMs: number, onStall: (error: Error) => void) {
    this.#timer = setInterval(() => {
      if (this.#waitingSince !== undefined && performance.now() - this.#waitingSince > stallMs) {
        this.stalled = Object.assign(new Error(`no bytes for ${stallMs} ms`), { code: 'ETIMEDOUT' });
        onStall(this.stalled);
      }
    }, Math.max(20, Math.min(stallMs / 4, 5_000)));
    this.#timer.unref();
  }

  begin(): void {
    this.#waitingSince = performance.now();
  }

  end(): void {
    this.#waitingSince = undefined;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
