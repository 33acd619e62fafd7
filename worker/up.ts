import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { Failure } from '../contracts/failure.ts';
import { claimState } from './claimState.ts';
import { forgetEngine, startEngine, type EngineRecord } from './engine.ts';
import { endProcess, identify, type ProcessIdentity } from './processIdentity.ts';
import { supervise } from './supervise.ts';
import { projectFolder, temporalBinary } from './toolPaths.ts';

/** A worker lets its shards reach their last finished object. */
const workerGraceMs = 10_000;
const engineGraceMs = 10_000;

export interface UpOptions {
  readonly config: Config;
  /** Overrides the configuration's state folder. */
  readonly state?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** The worker's program; by default the product's. */
  readonly workerProgram?: string;
  /** One line for the operator. */
  readonly say: (line: string) => void;
  /** Ends everything when aborted. */
  readonly signal: AbortSignal;
  /** Told once everything runs. */
  readonly ready?: (record: { readonly address: string; readonly uiUrl: string | null }) => void;
}

/**
 * Of V8: new objects in 8 MiB instead of 32, collected by one thread, as helpers would only compete with ours; the heap grows by less than itself
 * between two collections. Buffers are elsewhere, and what lives long is little.
 */
const leanFlags = ['--max-semi-space-size=8', '--no-parallel-scavenge', '--heap-growing-percent=80'];
/**
 * Of the C library (mallopt(3)): every thread would otherwise keep a heap of its own, a hundred megabytes in all, and the memory of packs, once freed,
 * would stay with it. From 4 MiB on, the block of a pack, memory is the system's and goes back to it; so does as much of it at the end of the heap.
 */
const leanAllocation = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: String(4 << 20), MALLOC_TRIM_THRESHOLD_: String(4 << 20) };

/**
 * Runs the embedded engine (unless the configuration or TEMPORAL_ADDRESS names another) and a worker for all clusters, and keeps both running.
 * Returns when `signal` is aborted and everything has ended. Runs that were unfinished go on at the next start.
 */
export async function up(options: UpOptions): Promise<void> {
  const configured = options.config.engine.state;
  const stateFolder = resolve(options.state ?? configured);
  await using claims = new AsyncDisposableStack();
  claims.defer(await claimState(stateFolder, stateFolder).catch((error: unknown) => {
    if (error instanceof Failure) throw error;
    throw new Failure('E_USAGE', `cannot keep state in ${stateFolder} (${(error as NodeJS.ErrnoException).code ?? String(error)})`, { hint: 'name a folder that this user may write to: --state, or engine.state in the configuration', cause: error });
  }));
  // Commands know only the configuration's folder.
  if (stateFolder !== configured) claims.defer(await claimState(configured, stateFolder).catch(unreachableThere(configured, options.say)));
  // A worker whose `up` was killed ends by itself; two of them would share the scratch folder.
  const left = await readWorker(stateFolder);
  if (left !== undefined) await endProcess(left, workerGraceMs);
  const elsewhere = options.env['TEMPORAL_ADDRESS'] ?? options.config.engine.address;
  let record: EngineRecord | undefined;
  const engine = elsewhere !== undefined ? undefined : supervise('the engine', async () => {
    const started = await startEngine({
      binary: temporalBinary(options.env), stateFolder, port: options.config.engine.port, uiPort: options.config.engine.uiPort, namespace: options.config.engine.namespace,
    });
    record = started.record;
    return started.child;
  }, options.say, options.signal);
  try {
    await engine?.started;
    const address = elsewhere ?? record!.address;
    options.say(`engine at ${address}${record === undefined ? '' : `, Temporal UI at ${record.uiUrl}`}`);
    const worker = supervise('the worker', async () => {
      const child = spawn(process.execPath, [...leanFlags, options.workerProgram ?? join(projectFolder, 'worker', 'main.ts'), '--config', options.config.file, '--state', stateFolder], {
        // The channel tells the worker when this process is gone.
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        env: { ...leanAllocation, ...options.env, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: options.config.engine.namespace },
      });
      if (child.pid !== undefined) await writeFile(join(stateFolder, 'worker.json'), JSON.stringify(await identify(child.pid)));
      await new Promise<void>((done) => {
        child.once('message', () => done());
        child.once('exit', () => done());
      });
      return child;
    }, options.say, options.signal);
    try {
      await worker.started;
      options.say('worker ready');
      options.ready?.({ address, uiUrl: record?.uiUrl ?? null });
      await aborted(options.signal);
    } finally {
      await worker.stop(workerGraceMs);
    }
  } finally {
    await engine?.stop(engineGraceMs);
    await forgetEngine(stateFolder);
  }
}

/** A folder that this user may not write to: the engine runs all the same, but must be named to commands. */
function unreachableThere(folder: string, say: (line: string) => void): (error: unknown) => () => Promise<void> {
  return (error) => {
    if (error instanceof Failure || !['EACCES', 'EROFS', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    say(`${folder} (engine.state) cannot be written to: other commands find this engine by TEMPORAL_ADDRESS only`);
    return async () => undefined;
  };
}

async function readWorker(stateFolder: string): Promise<ProcessIdentity | undefined> {
  return await readFile(join(stateFolder, 'worker.json'), 'utf8').then((text) => JSON.parse(text) as ProcessIdentity, () => undefined);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
}
