import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { createLab, type Lab } from '../lab/lab.ts';
import { openProduct, type Product } from '../lab/product.ts';
import { WrittenSource, type Expected, type SourceSize } from './writtenSource.ts';

export interface StormScene extends AsyncDisposable {
  readonly lab: Lab;
  readonly product: Product;
  readonly folder: string;
  readonly vault: string;
  readonly engineFolder: string;
  readonly toolsFolder: string;
  readonly source: WrittenSource;
  /** The newest sealed set, and what it must hold. */
  newest: { readonly setId: string; readonly expected: Expected } | undefined;
  /** Of all backups that ended sealed. */
  readonly setIds: string[];
}

/** Of each cluster one NameService and one DBService; only a mirror needs the second cluster. */
const servers = { prod: ['hdfs-a', 'dbservice'], standby: ['hdfs-b', 'dbservice-b'] } as const;

export interface SceneOptions {
  readonly clusters: readonly (keyof typeof servers)[];
  readonly folder: string;
  readonly toolsFolder: string;
  readonly seed: string;
  readonly size: SourceSize;
  /** Bytes a second of a backup, so that it lives long enough to be hit. */
  readonly bandwidth: string;
}

/** A lab with a source that the storm wrote, and mrs-backup running on it. */
export async function openStormScene(options: SceneOptions): Promise<StormScene> {
  const { folder, toolsFolder } = options;
  const lab = await createLab({ stateFolder: folder, toolsFolder });
  await lab.up(options.clusters.flatMap((cluster) => servers[cluster]));
  const config = join(folder, 'storm.yaml');
  const written = parse(await readFile(lab.config(), 'utf8')) as { tasks: { nightly: object } };
  await writeFile(config, stringify({ ...written, tasks: { nightly: { ...written.tasks.nightly, limits: { bandwidth: options.bandwidth, parallel: 1 } } } }, { aliasDuplicateObjects: false }));
  const engineFolder = join(folder, 'engine');
  const product = openProduct(config, engineFolder);
  const source = new WrittenSource(lab, options.seed, options.size);
  await mkdir(join(folder, 'vault'), { recursive: true });
  await product.up();
  await source.fill();
  return {
    lab, product, folder, vault: join(folder, 'vault'), engineFolder, toolsFolder, source, newest: undefined, setIds: [],
    async [Symbol.asyncDispose]() {
      await product.down();
      await lab.down();
    },
  };
}
