import { workflowInfo } from '@temporalio/workflow';

/**
 * Short and unique name of this run, the same after a reset. From the end of the engine's id: its beginning is the time (UUID version 7),
 * which runs of the same minute share.
 */
export function runKey(): string {
  return workflowInfo().firstExecutionRunId.slice(-8);
}
