import { z } from 'zod';
import { Failure } from '../contracts/failure.ts';
import { formatVersion, parseJson, putJson, readObject } from './jsonObject.ts';
import { manifestKey, setFolder, type SetRef } from './layout.ts';
import type { Repository } from './repository.ts';

const begunSchema = z.object({ formatVersion: z.literal(formatVersion), repositoryId: z.string(), setId: z.string(), runId: z.string(), recoveryPoint: z.string(), begunAt: z.string(), productVersion: z.string() });
export type Begun = z.infer<typeof begunSchema>;

/** Writes the first object of a set. Repeating it for the same run keeps the first time. @throws Failure E_BUSY when the set is another run's */
export async function beginSet(repository: Repository, set: SetRef & { readonly runId: string; readonly recoveryPoint: string; readonly productVersion: string }): Promise<void> {
  const before = await readBegun(repository, set);
  if (before?.runId === set.runId) return;
  if (before !== undefined || (await repository.session.stat(manifestKey(set))) !== undefined) throw new Failure('E_BUSY', `set ${set.setId} belongs to another run${before === undefined ? '' : `: ${before.runId}`}`);
  const begun: Begun = { formatVersion, repositoryId: repository.id, setId: set.setId, runId: set.runId, recoveryPoint: set.recoveryPoint, begunAt: new Date().toISOString(), productVersion: set.productVersion };
  await putJson(repository.session, begunKey(set), begun);
}

/** What `beginSet` wrote, or `undefined`. */
export async function readBegun(repository: Repository, set: SetRef): Promise<Begun | undefined> {
  try {
    return parseJson(await readObject(repository.session, begunKey(set), 1 << 20), begunSchema, begunKey(set));
  } catch (error) {
    if (error instanceof Failure && error.code === 'E_OBJECT_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Key of a set's first object. */
export function begunKey(set: SetRef): string {
  return `${setFolder(set)}/begun.json`;
}
