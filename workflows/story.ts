import { defineQuery, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { queries } from '../contracts/names.ts';
import type { Limits, RunFailure, RunKind, RunPhase, RunProgress } from '../contracts/run.ts';
import { childrenOf, type Children } from './children.ts';
import { setSearchAttributes } from './setSearchAttributes.ts';
import { createSteer, offerSteering, type Steer } from './steer.ts';

/** What a run tells of itself while it goes on, in its query and as current details in the Temporal UI, and the operator's hands on it. */
export interface Story {
  phase: RunPhase;
  setIds: readonly string[];
  /** What the workflow itself waits for; `undefined`: no longer for this. */
  waitsFor(subject: string, what: string | undefined): void;
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
  const waiting = new Map<string, string>();
  let phase: RunPhase = 'resolve';
  const story: Story = {
    get phase() {
      return phase;
    },
    set phase(next) {
      phase = next;
      tell();
    },
    setIds: [], failures: [], children: childrenOf(tell), steer, startedMs: Date.now(),
    waitsFor(subject, what) {
      if (what === undefined) waiting.delete(subject);
      else waiting.set(subject, what);
      tell();
    },
    limits(limits) {
      if (steer.changes === 0) steer.now = { ...steer.now, limits };
    },
  };
  function tell(): void {
    setCurrentDetails([
      `**${phase}**${steer.now.paused ? ', paused' : ''}${story.setIds.length === 0 ? '' : ` ${story.setIds.join(', ')}`}`, '',
      ...[...waiting.values()].map((what) => `- waits for: ${what}`),
      ...story.children.all().map((each) => `- ${each.source}@${each.instance}: ${each.workflowId}`),
      ...story.failures.map((each) => `- ${each.code}: ${each.message}`),
    ].join('\n'));
  }
  const progress = (): RunProgress => ({
    ...about, phase: story.phase, steering: steer.now, sources: [], children: story.children.all(), setIds: story.setIds, failures: story.failures,
    ...(waiting.size === 0 ? {} : { waitingFor: [...waiting.values()].join('; ') }), startedAt: new Date(story.startedMs).toISOString(),
  });
  setHandler(defineQuery<RunProgress>(queries.progress), progress);
  offerSteering(steer, progress, (next) => {
    tell();
    return story.children.tell(next);
  });
  setSearchAttributes({ BackupCluster: about.cluster, ...(about.task === undefined ? {} : { BackupTask: about.task }), BackupKind: about.kind });
  return story;
}
