import { createHash } from 'node:crypto';

/** Chance that is the same for the same words. */
export interface Seeded {
  /** A whole number, both ends included. */
  whole(from: number, to: number): number;
  one<T>(list: readonly T[]): T;
}

export function seeded(...words: readonly (string | number)[]): Seeded {
  let drawn = 0;
  const whole = (from: number, to: number): number => {
    const draw = createHash('sha256').update(JSON.stringify([...words, drawn++])).digest().readUInt32BE();
    return from + Math.floor((draw / 2 ** 32) * (to - from + 1));
  };
  return { whole, one: (list) => list[whole(0, list.length - 1)]! };
}
