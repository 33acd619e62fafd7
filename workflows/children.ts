import { getExternalWorkflowHandle } from '@temporalio/workflow';
import { signals } from '../contracts/names.ts';
import type { RunProgress, Steering } from '../contracts/run.ts';

/** The children of a run that work now or did, by workflow id. */
export interface Children {
  add(child: RunProgress['children'][number]): void;
  ended(workflowId: string): void;
  all(): RunProgress['children'];
  /** Passes steering on to those that still work. */
  tell(steering: Steering): Promise<void>;
}

/** @param changed called when there is another one */
export function childrenOf(changed: () => void): Children {
  const known = new Map<string, RunProgress['children'][number]>();
  const working = new Set<string>();
  return {
    add(child) {
      known.set(child.workflowId, child);
      working.add(child.workflowId);
      changed();
    },
    ended(workflowId) {
      working.delete(workflowId);
    },
    all: () => [...known.values()],
    async tell(steering) {
      // A child that ended this very moment needs no steering.
      await Promise.allSettled([...working].map((id) => getExternalWorkflowHandle(id).signal(signals.steer, steering)));
    },
  };
}
