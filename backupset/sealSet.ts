import { hash } from 'node:crypto';
import type { SourceSeal } from '../contracts/activities.ts';
import { Failure } from '../contracts/failure.ts';
import { begunKey, readBegun } from './beginSet.ts';
import { canonicalJson } from './canonicalJson.ts';
import { formatVersion, putJson, readObject } from './jsonObject.ts';
import { descriptionKey, manifestKey, type SetRef } from './layout.ts';
import { indexKey } from './packKey.ts';
import { authenticate, manifestSchema, readManifestOf, type Manifest } from './readManifest.ts';
import type { Repository } from './repository.ts';

export interface SealInput extends SetRef {
  readonly runId: string;
  readonly recoveryPoint: string;
  readonly productVersion: string;
  /** Something of the task is not in the set. */
  readonly partial: boolean;
  readonly sources: readonly Omit<SourceSeal, 'warnings'>[];
}

/**
 * Writes the manifest: from here on the set exists. What the manifest names is looked at first, and the manifest itself read back.
 * Repeating it after it worked returns what was sealed.
 * @throws Failure E_CORRUPT when something named is not there or not the same
 */
export async function sealSet(repository: Repository, input: SealInput): Promise<Manifest> {
  const key = manifestKey(input);
  const begun = await readBegun(repository, input);
  if (begun === undefined || begun.runId !== input.runId) throw new Failure('E_INTERNAL', `set ${input.setId} was not begun by the run ${input.runId}`);
  const begunBytes = await readObject(repository.session, begunKey(input), 1 << 20);
  const sum = (name: 'entries' | 'files' | 'bytes' | 'storedBytes' | 'gaps'): number => input.sources.reduce((total, each) => total + each[name], 0);
  const content = {
    formatVersion, repositoryId: repository.id, setId: input.setId, cluster: input.cluster, task: input.task, runId: input.runId,
    kind: input.sources.some((each) => each.kind === 'incremental') ? 'incremental' : 'full', recoveryPoint: input.recoveryPoint,
    begunAt: begun.begunAt, begun: { digest: hash('sha256', begunBytes), length: begunBytes.length }, sealedAt: new Date().toISOString(), productVersion: input.productVersion, partial: input.partial,
    sources: input.sources, totals: { entries: sum('entries'), files: sum('files'), bytes: sum('bytes'), storedBytes: sum('storedBytes'), gaps: sum('gaps') },
  };
  const manifest = manifestSchema.parse({ ...content, authentication: '0'.repeat(64) });
  if ((await repository.session.stat(key)) !== undefined) {
    const before = await readManifestOf(repository, input);
    if (!isSame(before, manifest)) throw new Failure('E_CORRUPT', `set ${input.setId} is sealed already, with another content`);
    return before;
  }
  for (const part of manifest.sources) await compareNamed(repository, input, part);
  const sealed: Manifest = { ...manifest, authentication: authenticate(repository, manifest) };
  await putJson(repository.session, key, sealed);
  const back = await readManifestOf(repository, input);
  if (canonicalJson(back) !== canonicalJson(sealed)) throw new Failure('E_CORRUPT', `${key} came back different from what was written`);
  return back;
}

async function compareNamed(repository: Repository, set: SetRef, part: Manifest['sources'][number]): Promise<void> {
  const named = [[indexKey(part.table.digest), part.table], [descriptionKey(set, part.source, part.instance), part.description]] as const;
  for (const [key, expected] of named) {
    const bytes = await readObject(repository.session, key, expected.length);
    if (bytes.length !== expected.length || hash('sha256', bytes) !== expected.digest) throw new Failure('E_CORRUPT', `${key} is not what was written there`);
  }
}

function isSame(a: Manifest, b: Manifest): boolean {
  const timeless = (manifest: Manifest): string => canonicalJson({ ...manifest, sealedAt: '', authentication: '' });
  return timeless(a) === timeless(b);
}
