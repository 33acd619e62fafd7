import { readFile, writeFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import type { Product } from '../../lab/product.ts';
import { untilShown } from './openJourney.ts';

/**
 * Starts a full run of the task `nightly` that is slow from its first byte on, and waits until it copies. Told to be slow only then, a quick machine
 * would have copied everything before.
 * @param bandwidth as in the configuration, which has it only until the run has read it
 */
export async function startSlow(product: Product, bandwidth = '1MB/s'): Promise<string> {
  const before = await readFile(product.config, 'utf8');
  const config = parse(before) as { tasks: Record<string, object> };
  await writeFile(product.config, stringify({ ...config, tasks: { ...config.tasks, nightly: { ...config.tasks['nightly'], limits: { bandwidth, parallel: 1 } } } }, { aliasDuplicateObjects: false }));
  try {
    const { runId } = await product.json<{ runId: string }>(['task', 'run', 'nightly', '--full', '--detach']);
    await untilShown(product, runId, (view) => view.phase === 'copy');
    return runId;
  } finally {
    await writeFile(product.config, before);
  }
}
