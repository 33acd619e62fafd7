/**
 * Applies `work` to each item, up to `concurrency` at once, and yields the results in the order of the items.
 * Ends the others' results unseen when one fails or the consumer stops.
 */
export async function* orderedMap<T, R>(items: Iterable<T> | AsyncIterable<T>, concurrency: number, work: (item: T) => Promise<R>): AsyncGenerator<R> {
  const inFlight: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      // The failure is thrown when its turn comes; until then it is not unhandled.
      result.catch(() => undefined);
      inFlight.push(result);
      if (inFlight.length >= concurrency) yield await inFlight.shift()!;
    }
    while (inFlight.length > 0) yield await inFlight.shift()!;
  } finally {
    await Promise.allSettled(inFlight);
  }
}
