import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../contracts/failure.ts';

/** The folder of the checkout. */
export const projectFolder = fileURLToPath(new URL('..', import.meta.url));

/** What set-up brought, and what is made of it. */
export function toolsFolder(env: NodeJS.ProcessEnv): string {
  return env['MRS_BACKUP_TOOLS'] ?? join(projectFolder, '.tools');
}

/** The Temporal CLI, whose dev server is the embedded engine: `TEMPORAL_CLI_PATH`, else what set-up brought. */
export function temporalBinary(env: NodeJS.ProcessEnv): string {
  const named = env['TEMPORAL_CLI_PATH'];
  const path = named ?? join(toolsFolder(env), 'temporal', 'bin', 'temporal');
  if (!existsSync(path)) throw new Failure('E_ENGINE_UNREACHABLE', `the Temporal CLI is not at ${path}`, { hint: 'run ./mrs-backup up from the clone (it fetches it), or name one with TEMPORAL_CLI_PATH, or set TEMPORAL_ADDRESS to an engine that runs' });
  return path;
}
