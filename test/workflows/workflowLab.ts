import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { IllegalStateError } from '@temporalio/common';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { activityInterceptor } from '../../activities/activityInterceptor.ts';
import { clusterQueue, controlQueue, searchAttributes } from '../../contracts/names.ts';
import { scriptedActivities } from './scriptedActivities.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tools = process.env['MRS_BACKUP_TOOLS'] ?? join(root, '.tools');

/** Workflows on an engine of their own, with activities of the test's own. */
export interface WorkflowLab {
  readonly env: TestWorkflowEnvironment;
  /** Runs `work` while these activities answer, on the queues of `prod` and `standby`. */
  during<T>(activities: object, work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** @param engine `skipping`: waits cost nothing, but it knows less; `real`: the embedded engine's own server, in memory. */
export async function openWorkflowLab(engine: 'skipping' | 'real'): Promise<WorkflowLab> {
  quietRuntime();
  const env = engine === 'skipping'
    ? await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: tool('temporal-test-server') } })
    : await TestWorkflowEnvironment.createLocal({ server: { executable: tool('temporal'), log: { format: 'pretty', level: 'never' } } });
  for (const [name, type] of Object.entries(searchAttributes)) await register(env, name, type);
  const workflowBundle: WorkflowBundleWithSourceMap = await bundleWorkflowCode({ workflowsPath: join(root, 'workflows', 'workflows.ts'), logger: new DefaultLogger('ERROR') });
  let current: Record<string, (...args: unknown[]) => Promise<unknown>> = {};
  const names = Object.keys(scriptedActivities({}).activities);
  const activities = Object.fromEntries(names.map((name) => [name, async (...args: unknown[]) => await current[name]!(...args)]));
  const workers = await Promise.all([controlQueue, clusterQueue('prod'), clusterQueue('standby')].map((taskQueue) => Worker.create({
    connection: env.nativeConnection, taskQueue, activities, interceptors: { activity: [activityInterceptor] }, maxHeartbeatThrottleInterval: 100, defaultHeartbeatThrottleInterval: 100,
    ...(taskQueue === controlQueue ? { workflowBundle } : {}),
  })));
  const running = workers.map((worker) => worker.run());
  return {
    env,
    async during(scripted, work) {
      current = scripted as typeof current;
      return await work();
    },
    async close() {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
      await env.teardown();
    },
  };
}

/** Labs of one process share one runtime, and the first of them installs it. */
function quietRuntime(): void {
  try {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
  } catch (error) {
    if (!(error instanceof IllegalStateError)) throw error;
  }
}

function tool(name: string): { readonly type: 'existing-path'; readonly path: string } {
  const path = join(tools, name, 'bin', name);
  if (!existsSync(path)) throw new Error(`${name} is not at ${path}: npm run test:fast brings it`);
  return { type: 'existing-path', path };
}

/** The test server may not keep search attributes at all; a workflow that sets one must still run. */
async function register(env: TestWorkflowEnvironment, name: string, type: string): Promise<void> {
  await env.connection.operatorService.addSearchAttributes({ searchAttributes: { [name]: typeNumber(type) }, namespace: env.namespace ?? 'default' }).catch(() => undefined);
}

/** Numbers of temporal.api.enums.v1.IndexedValueType. */
function typeNumber(type: string): number {
  return { KEYWORD: 2, INT: 3, DATETIME: 6, KEYWORD_LIST: 7 }[type] ?? 1;
}
