import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../contracts/failure.ts';
import { canonicalJson } from './canonicalJson.ts';
import { countSchema, digestSchema, formatVersion, objectRefSchema, parseJson, readObject } from './jsonObject.ts';
import { encodeSegment, manifestKey, parseSetKey, type SetRef } from './layout.ts';
import type { Repository } from './repository.ts';

const text = z.string().min(1).max(1000);
export const sourceSealSchema = z.object({
  source: text, instance: text, kind: z.enum(['full', 'incremental']), fellBack: z.string().optional(), recoveryPoint: text, parentSetId: z.string().nullable(),
  table: objectRefSchema, root: digestSchema,
  entries: countSchema, files: countSchema, directories: countSchema, symlinks: countSchema, gaps: countSchema, bytes: countSchema,
  storedBytes: countSchema, packsNew: countSchema, description: objectRefSchema,
});
export const manifestSchema = z.object({
  formatVersion: z.literal(formatVersion), repositoryId: text, setId: text, cluster: text, task: text, runId: text,
  kind: z.enum(['full', 'incremental']), recoveryPoint: text, begunAt: text, begun: objectRefSchema, sealedAt: text, productVersion: text, partial: z.boolean(),
  sources: z.array(sourceSealSchema).max(10_000),
  totals: z.object({ entries: countSchema, files: countSchema, bytes: countSchema, storedBytes: countSchema, gaps: countSchema }),
  authentication: digestSchema,
});

/** The seal of a set: what it is, and the digests that everything in it is proved from. */
export type Manifest = z.infer<typeof manifestSchema>;

/** SHA-256, or HMAC-SHA-256 where the repository is encrypted, of everything but `authentication` in canonical JSON. */
export function authenticate(repository: Repository, manifest: object): string {
  const { authentication: _, ...rest } = manifest as { authentication?: string };
  const canonical = canonicalJson(rest);
  return repository.keys === undefined ? hash('sha256', canonical) : createHmac('sha256', repository.keys.macKey).update(canonical).digest('hex');
}

/**
 * The manifest of a sealed set, checked.
 * @throws Failure E_SET_NOT_FOUND when there is none; E_CORRUPT when it was changed, or belongs to another set or repository
 */
export async function readManifest(repository: Repository, setId: string): Promise<Manifest> {
  return await readManifestOf(repository, await findSet(repository, setId));
}

/** The same for a set whose place is known. */
export async function readManifestOf(repository: Repository, set: SetRef): Promise<Manifest> {
  const key = manifestKey(set);
  let bytes: Buffer;
  try {
    bytes = await readObject(repository.session, key, 64 << 20);
  } catch (cause) {
    if (cause instanceof Failure && cause.code === 'E_OBJECT_NOT_FOUND') throw neverSealed(set.setId, cause);
    throw cause;
  }
  // Checked as it was written, with members that this version does not know.
  const whole = parseJson(bytes, z.looseObject({}), key);
  const manifest = parseJson(bytes, manifestSchema, key);
  if (!repository.keyless && !timingSafeEqual(Buffer.from(authenticate(repository, whole), 'hex'), Buffer.from(manifest.authentication, 'hex'))) {
    throw new Failure('E_CORRUPT', `${key} was changed after it was sealed`, { details: { kind: 'manifest' } });
  }
  if (manifest.repositoryId !== repository.id || manifest.setId !== set.setId || manifest.cluster !== set.cluster || manifest.task !== set.task) {
    throw new Failure('E_CORRUPT', `${key} belongs to another set: ${manifest.setId} of ${manifest.cluster}/${manifest.task} in repository ${manifest.repositoryId}`, { details: { kind: 'foreign' } });
  }
  return manifest;
}

/** Where a sealed set is, by its id alone. @throws Failure E_SET_NOT_FOUND; `begun` in its details: it was begun here and never sealed, so another repository may have it */
export async function findSet(repository: Pick<Repository, 'session'>, setId: string): Promise<SetRef> {
  const wanted = setId === '' ? '' : encodeSegment(setId);
  let begun: SetRef | undefined;
  for await (const { key } of repository.session.list('sets/')) {
    const found = key.split('/')[3] === wanted ? parseSetKey(key) : undefined;
    if (found?.name === 'manifest.json') return found.set;
    if (begun !== undefined && found === undefined) break;
    begun = found?.set;
  }
  if (begun === undefined) throw new Failure('E_SET_NOT_FOUND', `there is no set ${setId}`);
  // A listing may lag behind what is stored.
  if ((await repository.session.stat(manifestKey(begun))) !== undefined) return begun;
  throw neverSealed(setId);
}

function neverSealed(setId: string, cause?: Failure): Failure {
  return new Failure('E_SET_NOT_FOUND', `set ${setId} was begun and never sealed`, { details: { begun: true }, cause });
}
