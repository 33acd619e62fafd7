import { seeded } from './seeded.ts';

/** What a round runs, in this order again and again: each stands on what the one before left. */
export const roundKinds = ['full', 'incremental', 'in place', 'mirror'] as const;
export type RoundKind = (typeof roundKinds)[number];

export const victims = ['worker', 'engine', 'both', 'nameNode', 'dataNode', 'postgres'] as const;
export type Victim = (typeof victims)[number];

export interface Kill {
  /** After the run began, or after the kill before. */
  readonly afterMs: number;
  readonly victim: Victim;
  /** Of which cluster, where it is a server of one. */
  readonly cluster: 'prod' | 'standby';
  /** How long a server stays away; worker and engine come back by themselves. */
  readonly awayMs: number;
}

export interface RoundPlan {
  readonly number: number;
  readonly kind: RoundKind;
  readonly kills: readonly Kill[];
}

/** The kills of a round: from the seed alone, so that the same seed chooses the same ones. How many of them fall depends on how long the run lives. */
export function planRound(seed: string, number: number): RoundPlan {
  const kind = roundKinds[(number - 1) % roundKinds.length]!;
  const chance = seeded(seed, number, 'kills');
  const kills = Array.from({ length: chance.whole(3, 6) }, (_, index): Kill => ({
    afterMs: index === 0 ? chance.whole(100, 4000) : chance.whole(500, 5000),
    victim: chance.one(victims),
    // A mirror reads and writes the standby cluster only; prod is read by the others.
    cluster: kind === 'mirror' ? 'standby' : 'prod',
    awayMs: chance.whole(200, 4000),
  }));
  return { number, kind, kills };
}
