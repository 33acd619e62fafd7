import { AsyncLocalStorage } from 'node:async_hooks';

/** Progress of one shard, as `run show` and `run watch` see it before the shard ends. Versioned: an older reader must not choke on it. */
export interface Beat {
  readonly v: 1;
  readonly entries?: number;
  readonly files?: number;
  readonly bytes?: number;
  readonly storedBytes?: number;
  readonly line?: string;
}

/** The newest beat of the activity that runs here, so that the timer repeats it. */
export const lastBeat = new AsyncLocalStorage<{ beat: Beat }>();

/** Says how far the activity is. Called for every file: it only remembers, and the timer around the activity sends it (activityInterceptor.ts). */
export function beat(progress: Omit<Beat, 'v'>): void {
  const store = lastBeat.getStore();
  if (store !== undefined) store.beat = { v: 1, ...progress };
}
