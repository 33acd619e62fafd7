import { ActivityFailure, CancelledFailure } from '@temporalio/workflow';

/** How far shards had come that were stopped and are not begun again: nobody beats for them, and their receipts keep what they have done. For people only. */
export interface StoppedShards {
  /** Does the work of a shard and remembers how far it was when it is stopped. */
  during<T>(shard: number, work: () => Promise<T>): Promise<T>;
  sum(): { readonly files: number; readonly bytes: number; readonly storedBytes: number };
}

/** The last beat of an activity that was told to stop (activities/activityInterceptor.ts), somewhere below the error. */
function lastBeatIn(error: unknown): Readonly<Record<string, unknown>> | undefined {
  for (let at = error; at instanceof ActivityFailure || at instanceof CancelledFailure; at = at.cause) {
    const beat: unknown = at instanceof CancelledFailure ? at.details?.[0] : undefined;
    if (typeof beat === 'object' && beat !== null) return beat as Record<string, unknown>;
  }
  return undefined;
}

export function createStoppedShards(): StoppedShards {
  const stopped = new Map<number, Readonly<Record<string, unknown>>>();
  return {
    async during(shard, work) {
      stopped.delete(shard);
      try {
        return await work();
      } catch (error) {
        const beat = lastBeatIn(error);
        if (beat !== undefined) stopped.set(shard, beat);
        throw error;
      }
    },
    sum() {
      const of = (name: string): number => [...stopped.values()].reduce((total, beat) => total + (typeof beat[name] === 'number' ? beat[name] : 0), 0);
      return { files: of('files'), bytes: of('bytes'), storedBytes: of('storedBytes') };
    },
  };
}
