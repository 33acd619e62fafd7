import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, type ProcessIdentity } from './processIdentity.ts';

/** What `up` keeps in `up.json`: of the state folder it runs on, and of the configuration's where that is another one. */
export interface UpRecord extends ProcessIdentity {
  readonly state: string;
}

/** The state folder `up` runs on now, for a configuration that names this one: another after `up --state`. */
export async function engineState(configured: string): Promise<string> {
  const record = await readUpRecord(configured);
  return record !== undefined && (await isAlive(record)) ? record.state : configured;
}

export async function readUpRecord(folder: string): Promise<UpRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(folder, 'up.json'), 'utf8')) as UpRecord;
    return typeof record.state === 'string' ? record : { ...record, state: folder };
  } catch {
    return undefined;
  }
}
