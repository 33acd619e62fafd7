import { workflowIds, workflowNames } from '../contracts/names.ts';
import type { Engine } from './engine.ts';
import { listRuns, type RunRow } from './listRuns.ts';
import { planOf } from './planRestoration.ts';

export interface RestorationRow extends RunRow {
  readonly planId: string;
  /** Of a plan that is not carried out yet, and of a restoration in progress. */
  readonly digest: string | null;
}

/** Restorations, newest first; `waiting` is one whose plan is made and not approved. */
export async function listRestorations(engine: Engine, limit: number): Promise<readonly RestorationRow[]> {
  const prefix = workflowIds.restore('');
  const rows: RestorationRow[] = [];
  for (const run of await listRuns(engine, { kind: workflowNames.restore, limit })) {
    const planId = run.runId.startsWith(prefix) ? run.runId.slice(prefix.length) : run.runId;
    const plan = run.state === 'running' ? await planOf(engine, planId) : null;
    rows.push({ ...run, planId, state: plan !== null && !plan.approved ? 'waiting' : run.state, digest: plan?.digest ?? null });
  }
  return rows;
}
