import { sleep, TemporalFailure, type ChildWorkflowHandle, type Workflow, type WorkflowResultType } from '@temporalio/workflow';
import type { Story } from './story.ts';

/**
 * Starts the child that works on one source instance and waits for its result. Its workflow id is the lock on the instance:
 * while another run holds it, this one waits and says so.
 */
export async function holdInstance<W extends Workflow>(
  held: { readonly workflowId: string; readonly source: string; readonly instance: string; readonly by: string },
  story: Story,
  start: (workflowId: string) => Promise<ChildWorkflowHandle<W>>,
): Promise<WorkflowResultType<W>> {
  const { workflowId, source, instance } = held;
  for (;;) {
    let child: ChildWorkflowHandle<W>;
    try {
      child = await start(workflowId);
    } catch (error) {
      if (!(error instanceof TemporalFailure && error.name === 'WorkflowExecutionAlreadyStartedError')) throw error;
      story.waitsFor(workflowId, held.by);
      await sleep('5s', { summary: held.by });
      continue;
    }
    story.waitsFor(workflowId, undefined);
    story.children.add({ workflowId, source, instance });
    try {
      return await child.result();
    } finally {
      story.children.ended(workflowId);
    }
  }
}
