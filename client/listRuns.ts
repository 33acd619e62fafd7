import { workflowNames } from '../contracts/names.ts';
import type { Engine } from './engine.ts';
import { stateOf, type RunState } from './runView.ts';

export interface RunRow {
  readonly runId: string;
  readonly kind: string;
  readonly task: string | null;
  readonly cluster: string | null;
  readonly state: RunState;
  readonly outcome: string | null;
  readonly startedAt: string;
  readonly closedAt: string | null;
  readonly seconds: number | null;
  readonly files: number | null;
  readonly bytes: number | null;
}

export interface RunFilter {
  readonly kind?: string | undefined;
  readonly task?: string | undefined;
  readonly cluster?: string | undefined;
  readonly running?: boolean | undefined;
  readonly limit: number;
}

const kinds = [workflowNames.backup, workflowNames.restore, workflowNames.mirror, workflowNames.verify];

/** Runs the engine still knows, newest first. At most `limit`. */
export async function listRuns(engine: Engine, filter: RunFilter): Promise<RunRow[]> {
  const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
  const query = [
    filter.kind === undefined ? `WorkflowType IN (${kinds.map(quoted).join(', ')})` : `WorkflowType = ${quoted(filter.kind)}`,
    // A run that no worker has taken yet has no attributes, but its id says what it is.
    ...(filter.task !== undefined && filter.cluster !== undefined
      ? [`WorkflowId STARTS_WITH ${quoted(`backup/${filter.cluster}/${filter.task}/`)}`]
      : [...(filter.task === undefined ? [] : [`BackupTask = ${quoted(filter.task)}`]), ...(filter.cluster === undefined ? [] : [`BackupCluster = ${quoted(filter.cluster)}`])]),
    ...(filter.running === true ? ["ExecutionStatus = 'Running'"] : []),
  ].join(' AND ');
  return await engine.call(async () => {
    const rows: RunRow[] = [];
    let ended = 0;
    for await (const info of engine.client.workflow.list({ query, pageSize: Math.min(filter.limit, 100) })) {
      const attribute = (name: string): unknown => (info.searchAttributes as Record<string, unknown[] | undefined>)[name]?.[0];
      const text = (name: string) => (typeof attribute(name) === 'string' ? (attribute(name) as string) : null);
      const number = (name: string) => (typeof attribute(name) === 'number' ? (attribute(name) as number) : null);
      rows.push({
        runId: info.workflowId, kind: info.type, task: text('BackupTask'), cluster: text('BackupCluster'),
        state: stateOf(info.status.name), outcome: text('BackupOutcome'), startedAt: info.startTime.toISOString(), closedAt: info.closeTime?.toISOString() ?? null,
        seconds: info.closeTime === undefined ? null : (info.closeTime.getTime() - info.startTime.getTime()) / 1000, files: number('BackupFiles'), bytes: number('BackupBytes'),
      });
      // The engine begins with those that go on, however old: a plan that waits for its approval must not hide what came after it.
      if (info.closeTime !== undefined) ended += 1;
      if (ended >= filter.limit) break;
    }
    return rows.sort((a, b) => b.startedAt.localeCompare(a.startedAt)).slice(0, filter.limit);
  });
}
