import { defineQuery, setHandler } from '@temporalio/workflow';
import { queries } from '../contracts/names.ts';
import type { Limits, RunFailure, RunKind, RunPhase, RunProgress } from '../contracts/run.ts';
import { childrenOf, type Children } from './children.ts';
import { setSearchAttributes } from './setSearchAttributes.ts';
import { createSteer, offerSteering, type Steer } from './steer.ts';

/** What a run tells of itself while it goes on, and the operator's hands on it. */
export interface Story {
  phase: RunPhase;
  setIds: readonly string[];
  /** What the workflow itself waits for, by what. */
  readonly waiting: Map<string, string>;
  readonly failures: RunFailure[];
  readonly children: Children;
  readonly steer: Steer;
  readonly startedMs: number;
  /** The limits of the task, before an operator changed them. */
  limits(limits: Limits): void;
}

/** Registers the query `progress` and the updates; call it before anything is awaited. */
export function createStory(about: { readonly runId: string; readonly kind: RunKind; readonly cluster: string; readonly task?: string }): Story {
  const steer = createSteer({ paused: false, limits: { bandwidth: null, parallel: 4 } });
  const story: Story = {
    phase: 'resolve', setIds: [], waiting: new Map(), failures: [], children: childrenOf(), steer, startedMs: Date.now(),
    limits(limits) {
      if (steer.changes === 0) steer.now = { ...steer.now, limits };
    },
  };
  const progress = (): RunProgress => ({
    ...about, phase: story.phase, steering: steer.now, sources: [], children: story.children.all(), setIds: story.setIds, failures: story.failures,
    ...(story.waiting.size === 0 ? {} : { waitingFor: [...story.waiting.values()].join('; ') }), startedAt: new Date(story.startedMs).toISOString(),
  });
  setHandler(defineQuery<RunProgress>(queries.progress), progress);
  offerSteering(steer, progress, (next) => story.children.tell(next));
  setSearchAttributes({ BackupCluster: about.cluster, ...(about.task === undefined ? {} : { BackupTask: about.task }), BackupKind: about.kind });
  return story;
}
