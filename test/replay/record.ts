import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { createLab } from '../../lab/lab.ts';
import { openProduct } from '../../lab/product.ts';
import { changeSampleData, makeSampleData } from '../../lab/sampleData.ts';
import { productVersion } from '../../worker/productVersion.ts';

/**
 * Records the histories that the replay test drives, from real runs: a backup, an increment, a backup whose worker was killed in the middle,
 * a restoration. Called by `npm run record-histories`; histories of released versions are kept, never written again.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'test', 'replay', 'histories', productVersion);
const state = join(root, '.lab', 'recording');
await rm(state, { recursive: true, force: true });
const lab = await createLab({ stateFolder: state, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? join(root, '.tools'), onProgress: (line) => process.stderr.write(`${line}\n`) });
const product = openProduct(lab.config(), join(state, 'engine'));
try {
  await lab.up(['hdfs-a', 'dbservice']);
  await makeSampleData(lab, { files: 300, largeBytes: 48 << 20 });
  await product.up();
  const backup = await product.json<{ runId: string; setIds: string[] }>(['task', 'run', 'nightly']);
  await changeSampleData(lab, { files: 300 });
  const started = await product.json<{ runId: string }>(['task', 'run', 'nightly', '--full', '--detach']);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await product.kill('worker');
  await product.run('run', 'watch', started.runId);
  const plan = await product.json<{ planId: string }>(['restoration', 'plan', backup.setIds[0]!, '--to', 'prod', '--destination', 'vault']);
  await product.json(['restoration', 'run', plan.planId, '--yes']);

  const { address } = JSON.parse(await (await import('node:fs/promises')).readFile(join(state, 'engine', 'engine.json'), 'utf8')) as { address: string };
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  await mkdir(folder, { recursive: true });
  const names: Record<string, string> = { [backup.runId]: 'backup-finished', [started.runId]: 'backup-interrupted', [`restore/${plan.planId}`]: 'restore-finished' };
  for (const [workflowId, name] of Object.entries(names)) {
    await writeFile(join(folder, `${name}.json`), `${historyToJSON(await client.workflow.getHandle(workflowId).fetchHistory())}\n`);
  }
  let child = 0;
  for await (const { workflowId, runId, type } of client.workflow.list({ query: "WorkflowType IN ('copySource', 'restoreSource')" })) {
    await writeFile(join(folder, `${type}-${++child}.json`), `${historyToJSON(await client.workflow.getHandle(workflowId, runId).fetchHistory())}\n`);
  }
  await connection.close();
  process.stderr.write(`recorded into test/replay/histories/${productVersion}\n`);
} finally {
  await product.down();
  await lab.down();
}
