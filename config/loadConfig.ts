import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Failure } from '../contracts/failure.ts';
import { checkConfig, type Catalogue, type CheckedConfig } from './checkConfig.ts';
import type { Config } from './config.ts';

export interface ConfigLocation {
  /** `--config`. */
  readonly file?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** The file of `--config`, else `$MRS_BACKUP_CONFIG`, else `./mrs-backup.yaml`. Absolute. */
export function configFile({ file, env }: ConfigLocation): string {
  return resolve(file ?? (env['MRS_BACKUP_CONFIG'] || 'mrs-backup.yaml'));
}

/**
 * Reads the configuration. Reads no secret.
 * @param catalogue what it may name; by default everything that is built.
 * @throws Failure E_CONFIG with all problems in `details.problems`.
 */
export async function loadConfig(location: ConfigLocation, catalogue?: Catalogue): Promise<Config> {
  return usableConfig(await readConfig(location, catalogue), configFile(location));
}

/** What was checked, where there is nothing wrong with it. @throws Failure as `loadConfig` */
export function usableConfig(checked: CheckedConfig, file: string): Config {
  if (checked.config !== undefined) return checked.config;
  const errors = checked.problems.filter((problem) => problem.severity === 'error');
  const first = errors[0];
  throw new Failure('E_CONFIG', `${file}:${first?.line ?? 1}: ${first?.path ? `${first.path}: ` : ''}${first?.message ?? 'not usable'}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''}`, {
    hint: `${first?.hint ?? ''}${errors.length > 1 ? '; mrs-backup config check lists all' : ''}`,
    details: { problems: errors },
  });
}

/**
 * Reads and checks the configuration and returns what was found instead of throwing it.
 * @throws Failure E_CONFIG when the file cannot be read.
 */
export async function readConfig(location: ConfigLocation, catalogue?: Catalogue): Promise<CheckedConfig> {
  const file = configFile(location);
  return checkConfig(await readConfigText(file), file, catalogue ?? (await builtCatalogue()));
}

/** @throws Failure E_CONFIG when the file cannot be read. */
export async function readConfigText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new Failure('E_CONFIG', code === 'ENOENT' ? `there is no configuration file ${file}` : `cannot read the configuration file ${file} (${code ?? 'unknown error'})`, {
      hint: 'name it with --config FILE or MRS_BACKUP_CONFIG, or go to the folder of mrs-backup.yaml',
      cause,
    });
  }
}

/** Everything that is built. Loaded late: a command that needs no configuration does not pay for it. */
export async function builtCatalogue(): Promise<Catalogue> {
  const [{ sources }, { drivers }] = await Promise.all([import('../components/sources.ts'), import('../storage/drivers.ts')]);
  return { sources, drivers };
}
