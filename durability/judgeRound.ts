import { connectDbservice, databases } from '../lab/dbservice.ts';
import { userInfo } from 'node:os';
import { createWebHdfs } from '../protocols/webhdfs/createWebHdfs.ts';
import { databaseDigest } from './databaseDigest.ts';
import { databaseDifferences, treeDifferences } from './differences.ts';
import { judgeExtracted } from './extracted.ts';
import type { RoundPlan } from './planRound.ts';
import type { RunAnswer } from './runRound.ts';
import type { StormScene } from './stormScene.ts';
import { WebHdfsTree } from './webHdfsTree.ts';
import type { Expected } from './writtenSource.ts';

interface SourceRow {
  readonly source: string;
  readonly kind?: string;
  readonly entries: number;
  readonly files?: number;
  readonly bytes: number;
  readonly compared?: number;
}

/** Whether the run came to what it promises, by what was written and by nothing the product says of itself; and whether what it says of itself is so. */
export async function judgeRound(scene: StormScene, plan: RoundPlan, answer: RunAnswer, expected: Expected): Promise<string[]> {
  const backs = plan.kind === 'full' || plan.kind === 'incremental';
  if (answer.outcome !== (backs ? 'sealed' : 'restored')) return [`the run ended ${answer.outcome}: ${JSON.stringify(answer.document).slice(0, 600)}`, ...(await judgeSets(scene))];
  const counts = judgeCounts(answer, expected);
  if (backs) {
    const [setId] = answer.document['setIds'] as string[];
    scene.newest = { setId: setId!, expected };
    scene.setIds.push(setId!);
    return [...counts, ...(await judgeExtracted(scene, setId!, expected)), ...(await judgeCluster(scene, 'prod', expected, false)), ...(await judgeSets(scene))];
  }
  const wrong = [...counts, ...(await judgeCluster(scene, plan.kind === 'mirror' ? 'standby' : 'prod', expected, true)), ...(await judgeSets(scene))];
  if (plan.kind === 'in place') await dropSafetyPoints(scene);
  return wrong;
}

/** Nothing counted twice, nothing forgotten. */
function judgeCounts(answer: RunAnswer, expected: Expected): string[] {
  const row = (answer.document['sources'] as readonly SourceRow[]).find((each) => each.source === 'hdfs');
  if (row === undefined) return ['the report has no hdfs'];
  const files = [...expected.files.values()].filter((each) => !each.directory);
  const should = { entries: expected.files.size, bytes: files.reduce((sum, each) => sum + each.length, 0), ...(row.files === undefined ? {} : { files: files.length }), ...(row.compared === undefined ? {} : { compared: expected.files.size }) };
  return Object.entries(should).filter(([name, count]) => row[name as keyof SourceRow] !== count).map(([name, count]) => `the report says ${row[name as keyof SourceRow]} ${name}, there are ${count}`);
}

/** The live cluster against what was written. @param content also every byte, where a run may have written */
async function judgeCluster(scene: StormScene, cluster: 'prod' | 'standby', expected: Expected, content: boolean): Promise<string[]> {
  const [hdfs, dbservice] = cluster === 'prod' ? (['hdfs-a', 'dbservice'] as const) : (['hdfs-b', 'dbservice-b'] as const);
  const tree = await new WebHdfsTree(scene.lab.endpoints(hdfs)['webhdfs']!).read('/data', content);
  const should = content ? expected.files : new Map([...expected.files].map(([path, { sha256: _, ...entry }]) => [path, entry]));
  const digests = new Map<string, string>();
  for (const name of Object.keys(databases)) {
    const client = await connectDbservice(scene.lab.place(dbservice), name).catch(() => undefined);
    if (client !== undefined) digests.set(name, await databaseDigest(client).finally(() => client.end()));
  }
  return [...treeDifferences(cluster, tree, should), ...databaseDifferences(cluster, digests, expected.databases)];
}

/** The repository lists exactly the sets of the backups that ended sealed. */
async function judgeSets(scene: StormScene): Promise<string[]> {
  const { sets } = await scene.product.json<{ sets: { setId: string; state: string }[] }>(['set', 'list', '--destination', 'vault']);
  const listed = sets.map((each) => each.setId);
  return [
    ...scene.setIds.filter((id) => !listed.includes(id)).map((id) => `the sealed set ${id} is not listed`),
    ...listed.filter((id) => !scene.setIds.includes(id)).map((id) => `the set ${id} is listed, but no run ended with it`),
    ...sets.filter((each) => !['sealed', 'verified'].includes(each.state)).map((each) => `set ${each.setId} is ${each.state}`),
  ];
}

/** What a restoration in place kept of the state before is the operator's to remove. */
async function dropSafetyPoints(scene: StormScene): Promise<void> {
  await using hdfs = createWebHdfs({ urls: [scene.lab.endpoints('hdfs-a')['webhdfs']!], user: userInfo().username });
  for (const { pathSuffix } of await new WebHdfsTree(scene.lab.endpoints('hdfs-a')['webhdfs']!).list('')) {
    if (!pathSuffix.startsWith('data.before-')) continue;
    for (const snapshot of await hdfs.snapshots(`/${pathSuffix}`).catch(() => [])) await hdfs.deleteSnapshot(`/${pathSuffix}`, snapshot);
    await hdfs.delete(`/${pathSuffix}`, { recursive: true });
  }
  const client = await connectDbservice(scene.lab.place('dbservice'));
  try {
    const { rows } = await client.query<{ name: string }>(`SELECT datname AS name FROM pg_database WHERE datname LIKE '%\\_\\_before\\_%'`);
    for (const { name } of rows) await client.query(`DROP DATABASE "${name}" WITH (FORCE)`);
  } finally {
    await client.end();
  }
}
