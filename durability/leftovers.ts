import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectDbservice } from '../lab/dbservice.ts';
import type { Lab } from '../lab/lab.ts';
import { WebHdfsTree } from './webHdfsTree.ts';

export interface LeftoverScene {
  readonly lab: Lab;
  readonly vault: string;
  readonly engineFolder: string;
}

/** The server needs a moment to notice that a client is gone. */
const patienceMs = 15_000;

/** What ended runs left behind anywhere, in words; asked until nothing is left or patience ends. */
export async function leftovers(scene: LeftoverScene): Promise<string[]> {
  for (const deadline = Date.now() + patienceMs; ; ) {
    const left = [...(await inVault(scene.vault)), ...(await inScratch(scene.engineFolder)), ...(await inHdfs(scene.lab)), ...(await inPostgres(scene.lab))];
    if (left.length === 0 || Date.now() > deadline) return left;
    await sleep(500);
  }
}

/** Staging, temporary objects, and sets that were begun and never sealed. */
async function inVault(vault: string): Promise<string[]> {
  const names = await readdir(vault, { recursive: true });
  const left = names.filter((name) => name.startsWith('staging/') || /^\.tmp\/./.test(name));
  const begun = names.filter((name) => name.endsWith('/begun.json')).filter((name) => !names.includes(name.replace(/begun\.json$/, 'manifest.json')));
  return [...left, ...begun].map((name) => `vault: ${name}`);
}

async function inScratch(engineFolder: string): Promise<string[]> {
  const found = await readdir(join(engineFolder, 'scratch'), { recursive: true, withFileTypes: true }).catch(() => []);
  return found.filter((each) => each.isFile()).map((each) => `scratch: ${join(each.parentPath, each.name).slice(engineFolder.length + '/scratch/'.length)}`);
}

/** Staging beside what was restored, names of unfinished files, and more snapshots than the one that the next increment needs. */
async function inHdfs(lab: Lab): Promise<string[]> {
  const left: string[] = [];
  for (const server of ['hdfs-a', 'hdfs-b'].filter((each) => lab.status()[each]!.status === 'running')) {
    const tree = new WebHdfsTree(lab.endpoints(server)['webhdfs']!);
    left.push(...(await tree.list('')).filter((each) => each.pathSuffix.startsWith('.mrs-backup')).map((each) => `${server}: /${each.pathSuffix}`));
    if (!(await tree.list('')).some((each) => each.pathSuffix === 'data')) continue;
    left.push(...[...(await tree.read('/data', false)).keys()].filter((path) => path.includes('/.mrs-backup')).map((path) => `${server}: ${path}`));
    left.push(...(await tree.list('/data/.snapshot')).slice(1).map((each) => `${server}: snapshot ${each.pathSuffix}`));
  }
  return left;
}

async function inPostgres(lab: Lab): Promise<string[]> {
  const left: string[] = [];
  for (const server of ['dbservice', 'dbservice-b'].filter((each) => lab.status()[each]!.status === 'running')) {
    const client = await connectDbservice(lab.place(server));
    try {
      const backends = await client.query<{ name: string }>(`SELECT application_name || ' ' || coalesce(datname, '') AS name FROM pg_stat_activity WHERE application_name LIKE 'mrs-backup%' AND pid <> pg_backend_pid()`);
      const working = await client.query<{ name: string }>(`SELECT datname AS name FROM pg_database WHERE datname LIKE '%\\_\\_mrs\\_%'`);
      left.push(...backends.rows.map((row) => `${server}: backend ${row.name}`), ...working.rows.map((row) => `${server}: database ${row.name}`));
    } finally {
      await client.end();
    }
  }
  return left;
}
