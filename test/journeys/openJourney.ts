import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { connectEngine, type Engine } from '../../client/engine.ts';
import { showRun } from '../../client/runView.ts';
import { loadConfig } from '../../config/loadConfig.ts';
import { connectDbservice } from '../../lab/dbservice.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { openProduct, type Product } from '../../lab/product.ts';
import { createWebHdfs } from '../../protocols/webhdfs/createWebHdfs.ts';
import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A lab, and mrs-backup running on it, of one test file's own. */
export interface Journey {
  readonly lab: Lab;
  readonly product: Product;
  readonly folder: string;
  readonly vault: string;
  hdfs(server: string): WebHdfs;
  /** What dead or finished runs left behind, in words; snapshots are left alone. `vaults`: folders of repositories, all of them by default the one. */
  leftovers(...vaults: readonly string[]): Promise<string[]>;
  close(): Promise<void>;
}

/** The parts of the configuration a test may add to. */
export interface JourneyConfig {
  readonly clusters: Record<string, { services: Record<string, Record<string, Record<string, unknown>>> }>;
  readonly destinations: Record<string, Record<string, unknown>>;
  readonly tasks: Record<string, Record<string, unknown>>;
}

/** @param configure changes the lab's configuration before mrs-backup starts. @param beforeUp prepares servers before they start. */
export async function openJourney(servers: readonly string[], configure?: (config: JourneyConfig, folder: string) => Promise<void> | void, beforeUp?: (lab: Lab) => Promise<void>): Promise<Journey> {
  const folder = await mkdtemp(join(tmpdir(), 'mrs-backup-journey-'));
  const lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? join(root, '.tools') });
  await beforeUp?.(lab);
  await lab.up(servers);
  const config = await configured(lab.config(), folder, configure);
  const product = openProduct(config, join(folder, 'engine'));
  await product.up();
  const vault = join(folder, 'vault');
  return {
    lab, product, folder, vault,
    hdfs: (server) => createWebHdfs({ urls: [lab.endpoints(server)['webhdfs']!], user: userInfo().username }),
    async leftovers(...vaults) {
      const left: string[] = [];
      for (const path of vaults.length === 0 ? [vault] : vaults) {
        const names = await readdir(path, { recursive: true });
        left.push(...names.filter((name) => name.startsWith('staging/') || /^\.tmp\/./.test(name)).map((name) => `${basename(path)}: ${name}`));
      }
      const scratch = await readdir(join(folder, 'engine', 'scratch'), { recursive: true }).catch(() => []);
      left.push(...scratch.filter((name) => name.includes('mrs-backup.')).map((name) => `scratch: ${name}`));
      if (servers.includes('dbservice')) {
        const client = await connectDbservice(lab.place('dbservice'));
        const { rows } = await client.query<{ application_name: string }>(`SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'mrs-backup/%'`);
        left.push(...rows.map((row) => `backend: ${row.application_name}`));
        await client.end();
      }
      return left;
    },
    async close() {
      await product.down();
      await lab.down();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A configuration of the test's own, which later starts of servers do not write over. */
async function configured(file: string, folder: string, configure: ((config: JourneyConfig, folder: string) => Promise<void> | void) | undefined): Promise<string> {
  if (configure === undefined) return file;
  const config = { tasks: {}, ...(parse(await readFile(file, 'utf8')) as Omit<JourneyConfig, 'tasks'>) };
  await configure(config, folder);
  const own = join(folder, 'journey.yaml');
  await writeFile(own, stringify(config, { aliasDuplicateObjects: false }));
  return own;
}

/** Names of the snapshots of a directory. */
export async function snapshotsOf(hdfs: WebHdfs, path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const page of hdfs.listPaged(`${path}/.snapshot`)) names.push(...page.map((each) => each.pathSuffix));
  return names;
}

export interface RunAnswer {
  readonly runId: string;
  readonly setIds: readonly string[];
  readonly outcome: string;
  readonly sources: readonly { readonly source: string; readonly instance: string; readonly kind: string; readonly files: number; readonly bytes: number; readonly storedBytes: number; readonly readBytes: number; readonly warnings: readonly string[]; readonly fellBack?: string }[];
  readonly destinations: readonly { readonly name: string; readonly setId: string; readonly state: string; readonly failure?: { readonly code: string; readonly message: string; readonly hint: string } }[];
  readonly failures: readonly { readonly code: string; readonly message: string; readonly hint: string; readonly about?: string }[];
}

export interface RestoreAnswer {
  readonly outcome: string;
  readonly safetyPoint: string | null;
  readonly sources: readonly { readonly source: string; readonly entries: number; readonly compared: number; readonly differences: number; readonly missing: number; readonly missingNames: readonly string[] }[];
}

export interface ShownRun {
  readonly state: string;
  readonly phase: string;
  readonly progress: { readonly files: number; readonly bytes: number; readonly totalBytes: number };
  readonly waitingFor: string | null;
  readonly failures: readonly { readonly code: string; readonly message: string; readonly hint: string }[];
}

/**
 * Waits until the answer of `run show` satisfies, and returns it. Looks often, with the use-case behind the command; the command itself, which is a
 * process each time and would take the processor from what is waited for, has the last word.
 */
export async function untilShown(product: Product, runId: string, satisfies: (view: ShownRun) => boolean, seconds = 60): Promise<ShownRun> {
  await using looker = lookerAt(product);
  let last: ShownRun | undefined;
  let failed: unknown;
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline;) {
    // The engine may be dead for a while.
    const view = await looker.look(runId).catch((error: unknown) => void (failed = error));
    last = view ?? last;
    if (view !== undefined && satisfies(view)) {
      const answer = await product.run('run', 'show', runId, '--output', 'json');
      if (answer.code === 0) last = answer.json<ShownRun>();
      if (answer.code === 0 && satisfies(last!)) return last!;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`did not happen within ${seconds} s; last: ${JSON.stringify(last)}`, { cause: failed });
}

/** Shows runs over one connection, which is made anew after a failure. */
function lookerAt(product: Product): AsyncDisposable & { look(runId: string): Promise<ShownRun> } {
  let engine: Engine | undefined;
  const close = async () => { await engine?.[Symbol.asyncDispose](); engine = undefined; };
  return {
    async look(runId) {
      try {
        engine ??= await connectEngine(await loadConfig({ file: product.config, env: {} }), {});
        return (await showRun(engine, runId)) as ShownRun;
      } catch (error) {
        await close();
        throw error;
      }
    },
    [Symbol.asyncDispose]: close,
  };
}
