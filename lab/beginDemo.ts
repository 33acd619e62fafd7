import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readUpRecord } from '../worker/engineState.ts';
import { endProcess, identify, isAlive, type ProcessIdentity } from '../worker/processIdentity.ts';
import { createLab } from './lab.ts';

/** `up` gives its worker and its engine ten seconds each. */
const upGraceMs = 25_000;

/**
 * Makes the state folder of a demo an empty one of this process: what an earlier demo left there, running or stored, is ended and removed.
 * @throws Error when another demo runs on it, or when it holds what no demo wrote
 */
export async function beginDemo(stateFolder: string, toolsFolder: string): Promise<void> {
  const names = await readdir(stateFolder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (names.length > 0 && !names.includes('ports.json')) throw new Error(`${stateFolder} holds what no demo wrote, and would be removed: name another folder`);
  const record = join(stateFolder, 'demo.json');
  const other = await readFile(record, 'utf8').then((text) => JSON.parse(text) as ProcessIdentity, () => undefined);
  if (other !== undefined && (await isAlive(other))) throw new Error(`a demo runs already in ${stateFolder} (process ${other.pid}): wait for its end, or name another folder with --state`);
  if (names.length > 0) {
    // A demo that was killed leaves its servers, and the `up` that keeps engine and worker running.
    const up = await readUpRecord(join(stateFolder, 'engine'));
    if (up !== undefined) await endProcess(up, upGraceMs);
    await (await createLab({ stateFolder, toolsFolder })).down();
    await rm(stateFolder, { recursive: true });
  }
  await createLab({ stateFolder, toolsFolder });
  await writeFile(record, JSON.stringify(await identify(process.pid)));
}
