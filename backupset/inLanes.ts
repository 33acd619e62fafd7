import { allEnded } from '../contracts/allEnded.ts';

/** Works on items from one iterator, some at a time. All of it has ended when this returns or throws. */
export async function inLanes<T>(items: Iterable<T>, lanes: number, work: (item: T) => Promise<void>): Promise<void> {
  const source = items[Symbol.iterator]();
  await allEnded(Array.from({ length: lanes }, async () => {
    for (let next = source.next(); next.done !== true; next = source.next()) await work(next.value);
  }));
}
