import { expect } from 'vitest';

/** What waiting cures is tried again, as the engine does. */
export async function untilReached<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 10) throw error;
      expect(error).toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    }
  }
}
