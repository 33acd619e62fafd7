import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from '../components/dataSource.ts';
import type { Config } from '../config/config.ts';
import { createSecretReader } from '../config/secrets.ts';
import { Failure } from '../contracts/failure.ts';
import type { Problem } from '../contracts/problem.ts';

/** What a check found of one data source of one service instance. */
export interface InstanceReport {
  readonly cluster: string;
  readonly source: string;
  readonly instance: string;
  readonly status: 'ok' | 'warning' | 'error';
  /** Of the service; empty when it could not be asked. */
  readonly version: string;
  readonly problems: readonly Problem[];
}

/**
 * Connects every service instance of a cluster and checks what every task selects there. Changes nothing.
 * @throws Failure E_CONFIG when there is no such cluster
 */
export async function checkCluster(config: Config, name: string, sources: readonly DataSource[]): Promise<InstanceReport[]> {
  const cluster = config.clusters[name];
  if (cluster === undefined) throw new Failure('E_CONFIG', `the configuration has no cluster ${name}`, { hint: `clusters: ${Object.keys(config.clusters).join(', ') || 'none'}` });
  const scratchFolder = await mkdtemp(join(tmpdir(), 'mrs-backup-check-'));
  try {
    const reports: InstanceReport[] = [];
    for (const source of sources) {
      for (const [instance, block] of Object.entries(cluster.services[source.component] ?? {})) {
        reports.push(await checkInstance(config, { cluster: name, instance, block, source, scratchFolder }));
      }
    }
    return reports;
  } finally {
    await rm(scratchFolder, { recursive: true, force: true });
  }
}

async function checkInstance(config: Config, about: { cluster: string; instance: string; block: unknown; source: DataSource; scratchFolder: string }): Promise<InstanceReport> {
  const { cluster, instance, block, source, scratchFolder } = about;
  const problems: Problem[] = [];
  let version = '';
  try {
    await using session = await source.connect(block, { cluster, instance, readSecret: createSecretReader(config.folder), scratchFolder, held: new Map() });
    for (const selection of selectionsOf(config, cluster, instance, source)) {
      const found = await session.preflight(selection);
      version = found.version;
      for (const problem of found.problems) if (!problems.some((each) => each.message === problem.message)) problems.push(problem);
    }
  } catch (error) {
    const failure = error instanceof Failure ? error : new Failure('E_INTERNAL', String(error), { cause: error });
    problems.push({ severity: 'error', code: failure.code, message: failure.message, hint: failure.hint });
  }
  const status = problems.some((each) => each.severity === 'error') ? 'error' : problems.length > 0 ? 'warning' : 'ok';
  return { cluster, source: source.name, instance, status, version, problems };
}

/** What the tasks select of the instance; where no task does, `null`: the service alone. */
function selectionsOf(config: Config, cluster: string, instance: string, source: DataSource): readonly (unknown | null)[] {
  const selected = Object.values(config.tasks).filter((task) => task.cluster === cluster).flatMap((task) => task.sources)
    .filter((ref) => ref.source === source.name && ref.instance === instance).map((ref): unknown => ref.selection);
  return selected.length > 0 ? selected : [null];
}
