import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { activityInterceptor } from '../activities/activityInterceptor.ts';
import { createActivities } from '../activities/createActivities.ts';
import { KeptSessions } from '../activities/keptSessions.ts';
import { createFramePool } from '../backupset/framePool.ts';
import type { DataSource } from '../components/dataSource.ts';
import { configReader } from '../config/configReader.ts';
import { createSecretReader } from '../config/secrets.ts';
import { clusterQueue, controlQueue } from '../contracts/names.ts';
import type { AnyDriver } from '../storage/drivers.ts';
import { createRateLimits } from '../transfer/rateLimit.ts';
import { readEngineRecord } from './engine.ts';
import { engineState } from './engineState.ts';
import { productVersion } from './productVersion.ts';
import { toolsFolder } from './toolPaths.ts';
import { workerLog } from './workerLog.ts';
import { workflowBundle } from './workflowBundle.ts';

/** Shards, and other activities, in work at once per cluster: each may hold two packs and some frames in memory. */
const clusterSlots = 6;
const workflowSlots = 10;
/** Of V8, for new objects of each thread that a worker makes: nearly nothing of them lives on, and what it could use it would keep. Its main thread has what `up` gave it. */
const threadSemiSpaceMiB = 1;

/** What a worker is put together from. */
export interface WorkerParts {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** What it can back up, and where to. */
  readonly sources: readonly DataSource[];
  readonly drivers: readonly AnyDriver[];
}

/** Runs a worker until it is told to stop, then ends the process. */
export async function runWorker(options: WorkerParts): Promise<never> {
  const { values } = parseArgs({ args: [...options.args], options: { config: { type: 'string' }, state: { type: 'string' }, cluster: { type: 'string', multiple: true } } });
  const { env, sources, drivers } = options;
  const read = configReader({ file: values.config, env }, { sources, drivers });
  const config = await read();
  const stateFolder = resolve(values.state ?? config.engine.state);
  const address = env['TEMPORAL_ADDRESS'] ?? config.engine.address ?? (await readEngineRecord(await engineState(stateFolder)))?.address;
  if (address === undefined) {
    process.stderr.write('error[E_ENGINE_UNREACHABLE]: no engine is named and none runs here\nhint: start it with: mrs-backup up\n');
    process.exit(6);
  }

  Runtime.install({ logger: workerLog((line) => process.stderr.write(line)), shutdownSignals: ['SIGINT', 'SIGTERM'] });
  // Where there is such a flag, V8 passes over what a thread is made with.
  setFlagsFromString(`--max-semi-space-size=${threadSemiSpaceMiB}`);
  const threads = availableParallelism();
  await using pool = createFramePool({ threads });
  const sessions = new KeptSessions();
  const held = new Map<string, Map<string, AsyncDisposable>>();
  const heldOf = (key: string): Map<string, AsyncDisposable> => {
    const found = held.get(key) ?? new Map<string, AsyncDisposable>();
    held.set(key, found);
    return found;
  };
  const activities = createActivities({
    config: read,
    secrets: (from) => createSecretReader(from.folder),
    sources, drivers, sessions, pool, rates: createRateLimits(), ahead: threads + 2, version: productVersion,
    scratchFolder: join(stateFolder, 'scratch'),
    held: (cluster, instance) => heldOf(`${cluster}/${instance}`),
  });

  const connection = await NativeConnection.connect({ address }).catch((error: unknown) => {
    process.stderr.write(`error[E_ENGINE_UNREACHABLE]: the engine at ${address} does not answer: ${error instanceof Error ? error.message : String(error)}\nhint: check TEMPORAL_ADDRESS or engine.address, and that the engine runs\n`);
    process.exit(6);
  });
  const namespace = env['TEMPORAL_NAMESPACE'] ?? config.engine.namespace;
  const common = { connection, namespace, activities, interceptors: { activity: [activityInterceptor] }, shutdownGraceTime: '3s', shutdownForceTime: '8s', maxHeartbeatThrottleInterval: '1s', defaultHeartbeatThrottleInterval: '1s' } satisfies Omit<WorkerOptions, 'taskQueue'>;
  const clusters = values.cluster ?? Object.keys(config.clusters);
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: controlQueue, workflowBundle: await workflowBundle([join(toolsFolder(env), 'bundles'), join(stateFolder, 'bundles')]), maxCachedWorkflows: 200, maxConcurrentWorkflowTaskExecutions: workflowSlots, maxConcurrentActivityTaskExecutions: 4 }),
    ...clusters.map((cluster) => Worker.create({ ...common, taskQueue: clusterQueue(cluster), maxConcurrentActivityTaskExecutions: clusterSlots })),
  ]);

  // Whoever started this worker is gone: nobody would stop it.
  const shutDown = (): void => { for (const worker of workers) worker.shutdown(); };
  process.once('disconnect', shutDown);
  if (process.connected) process.send?.('ready', undefined, undefined, () => undefined);
  try {
    const running = Promise.all(workers.map((worker) => worker.run()));
    // It may be gone already, since before this process listened.
    if (process.send !== undefined && !process.connected) shutDown();
    await running;
  } finally {
    await connection.close();
    await sessions[Symbol.asyncDispose]();
    for (const handles of held.values()) for (const handle of handles.values()) await handle[Symbol.asyncDispose]();
  }
  process.exit(0);
}
