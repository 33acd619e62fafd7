import { workflowNames } from '../../contracts/names.ts';
import { Failure } from '../../contracts/failure.ts';
import type { Engine } from '../engine.ts';

/** The runs that go on now, as far as the engine knows. */
export interface LivingRuns {
  has(owner: { readonly runKey: string | undefined; readonly runId: string | undefined }): Promise<boolean>;
}

const describedAtOnce = 8;
/** See workflows/runKey.ts. */
const keyOf = (executionRunId: string | null | undefined): string[] => (executionRunId ? [executionRunId.slice(-8)] : []);

/**
 * Asks for every open workflow and the key of the run it belongs to: a child's is that of the run at its root.
 * The engine's list lags behind by moments, so what was found must have been found a while before this is asked.
 * @throws Failure E_ENGINE_UNREACHABLE
 */
export async function livingRuns(engine: Engine): Promise<LivingRuns> {
  const types = Object.values(workflowNames).map((name) => `'${name}'`).join(', ');
  const open = await engine.call(async () => {
    const ids: { readonly workflowId: string; readonly runId: string }[] = [];
    for await (const info of engine.client.workflow.list({ query: `WorkflowType IN (${types}) AND ExecutionStatus = 'Running'`, pageSize: 200 })) ids.push({ workflowId: info.workflowId, runId: info.runId });
    return ids;
  }, 60_000);
  const keys = new Set<string>();
  const describe = async ({ workflowId, runId }: (typeof open)[number]): Promise<void> => {
    for (const key of keyOf(runId)) keys.add(key);
    const info = await rawInfo(engine, workflowId, runId);
    for (const id of [info?.firstRunId, info?.parentExecution?.runId, info?.rootExecution?.runId]) for (const key of keyOf(id)) keys.add(key);
    const root = info?.rootExecution;
    // A run that was reset goes on under its first id.
    if (root?.workflowId && root.runId && root.runId !== runId) for (const key of keyOf((await rawInfo(engine, root.workflowId, root.runId))?.firstRunId)) keys.add(key);
  };
  for (let i = 0; i < open.length; i += describedAtOnce) await Promise.all(open.slice(i, i + describedAtOnce).map(describe));
  const byId = new Map<string, Promise<boolean>>();
  return {
    async has({ runKey, runId }) {
      if (runKey !== undefined && keys.has(runKey)) return true;
      if (runId === undefined) return false;
      const known = byId.get(runId) ?? isOpen(engine, runId);
      byId.set(runId, known);
      return await known;
    },
  };
}

async function rawInfo(engine: Engine, workflowId: string, runId: string) {
  try {
    return (await engine.call(() => engine.client.workflow.getHandle(workflowId, runId).describe())).raw.workflowExecutionInfo;
  } catch (error) {
    if (error instanceof Failure && error.code === 'E_RUN_NOT_FOUND') return undefined;
    throw error;
  }
}

async function isOpen(engine: Engine, workflowId: string): Promise<boolean> {
  try {
    return (await engine.call(() => engine.client.workflow.getHandle(workflowId).describe())).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof Failure && error.code === 'E_RUN_NOT_FOUND') return false;
    throw error;
  }
}
