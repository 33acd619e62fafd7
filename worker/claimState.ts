import { link, mkdir, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../contracts/failure.ts';
import { readUpRecord, type UpRecord } from './engineState.ts';
import { identify, isAlive } from './processIdentity.ts';

/**
 * Makes this process the one `up` of a folder: of the state folder, and of the configuration's, where commands look for the engine.
 * @returns gives it up
 * @throws Failure E_BUSY
 */
export async function claimState(folder: string, state: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'up.json');
  const mine: UpRecord = { ...(await identify(process.pid)), state };
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, JSON.stringify(mine));
  try {
    for (;;) {
      // A link is made or refused at once, whoever else tries.
      if (await link(draft, path).then(() => true, refusedIfThere)) break;
      const other = await readUpRecord(folder);
      if (other !== undefined && (await isAlive(other))) {
        throw new Failure('E_BUSY', `mrs-backup up runs already for ${folder} (process ${other.pid}, state in ${other.state})`, { hint: 'use the one that runs, or another configuration' });
      }
      await unlink(path).catch(() => undefined);
    }
  } finally {
    await rm(draft, { force: true });
  }
  return async () => {
    const now = await readUpRecord(folder);
    if (now?.pid === mine.pid && now.startedAt === mine.startedAt) await rm(path, { force: true });
  };
}

function refusedIfThere(error: NodeJS.ErrnoException): false {
  if (error.code !== 'EEXIST') throw error;
  return false;
}
