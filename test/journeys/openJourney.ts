import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { connectDbservice } from '../../lab/dbservice.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { openProduct, type Product } from '../../lab/product.ts';
import { createWebHdfs } from '../../protocols/webhdfs/createWebHdfs.ts';
import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The configuration that the lab writes. */
export interface LabDocument {
  readonly destinations: Record<string, Record<string, unknown>>;
  readonly tasks: Record<string, Record<string, unknown>>;
}

/** A lab, and mrs-backup running on it, of one test file's own. */
export interface Journey {
  readonly lab: Lab;
  readonly product: Product;
  readonly folder: string;
  readonly vault: string;
  hdfs(server: string): WebHdfs;
  /** What dead or finished runs left behind, in words; snapshots are left alone. */
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
}

/** @param change what is to be different in the lab's configuration */
export async function openJourney(servers: readonly string[], change?: (config: LabDocument, lab: Lab) => void): Promise<Journey> {
  const folder = await mkdtemp(join(tmpdir(), 'mrs-backup-journey-'));
  const lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? join(root, '.tools') });
  await lab.up(servers);
  const document = parse(await readFile(lab.config(), 'utf8')) as LabDocument;
  change?.(document, lab);
  const config = join(folder, 'journey.yaml');
  await writeFile(config, stringify(document, { aliasDuplicateObjects: false }));
  const product = openProduct(config, join(folder, 'engine'));
  await product.up();
  const vault = join(folder, 'vault');
  return {
    lab, product, folder, vault,
    hdfs: (server) => createWebHdfs({ urls: [lab.endpoints(server)['webhdfs']!], user: userInfo().username }),
    async leftovers() {
      const names = await readdir(vault, { recursive: true });
      const left = names.filter((name) => name.startsWith('staging/') || /^\.tmp\/./.test(name)).map((name) => `vault: ${name}`);
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
  readonly sources: readonly { readonly source: string; readonly instance: string; readonly kind: string; readonly files: number; readonly bytes: number; readonly storedBytes: number; readonly readBytes: number; readonly warnings: readonly string[] }[];
}

export interface RestoreAnswer {
  readonly outcome: string;
  readonly safetyPoint: string | null;
  readonly sources: readonly { readonly source: string; readonly entries: number; readonly compared: number; readonly differences: number; readonly missing: number; readonly missingNames: readonly string[] }[];
}

/** Polls until the answer of `run show` satisfies. */
export async function untilShown(product: Product, runId: string, satisfies: (view: { state: string; phase: string; progress: { files: number; bytes: number; totalBytes: number }; waitingFor: string | null }) => boolean, seconds = 60): Promise<void> {
  let last: unknown;
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline;) {
    const answer = await product.run('run', 'show', runId, '--output', 'json');
    if (answer.code === 0) {
      last = answer.json();
      if (satisfies(last as Parameters<typeof satisfies>[0])) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  throw new Error(`did not happen within ${seconds} s; last: ${JSON.stringify(last)}`);
}
