import { z } from 'zod';
import { inLanes } from './inLanes.ts';
import { countSchema, digestSchema, formatVersion, parseChecked, putJson, readObject, withChecksum } from './jsonObject.ts';
import { parseSetKey, setFolder, taskFolder, type SetRef } from './layout.ts';
import { findSet } from './readManifest.ts';
import type { Repository } from './repository.ts';
import type { VerifyResult } from './verifySet.ts';

/** How many proofs are read at once. */
const READ_AT_ONCE = 8;
/** The levels a proof may have, each deeper than the one before. */
export const verificationLevels = ['presence', 'stored', 'content', 'restored'] as const;
const proofSchema = z.object({
  formatVersion: z.literal(formatVersion), setId: z.string(), level: z.enum(verificationLevels), at: z.string(), ok: z.boolean(), checkedObjects: countSchema, checkedBytes: countSchema,
  /** The verified sets whose content was not looked at again. */
  onTopOf: z.array(z.string()).optional(),
  /** How many packs the run had read back as it stored them, so that its verification did not read them again. */
  readBackBefore: countSchema.optional(),
  damage: z.array(z.object({ object: z.string(), kind: z.string(), entries: countSchema })),
  checksum: digestSchema,
});

/** The record of a verification. Names of entries are not in it: it is readable without the key. */
export type Proof = z.infer<typeof proofSchema>;

/**
 * Appends a verification to the proofs of a set, which is looked for by its id unless given. What is newer clears what is older: its time is after
 * that of every other proof of the task, also when the clock was set back.
 */
export async function writeProof(repository: Repository, result: VerifyResult, known?: SetRef): Promise<void> {
  const set = known ?? (await findSet(repository, result.setId));
  const at = new Date(Math.max(Date.now(), (await newestProofMs(repository, taskFolder(set.cluster, set.task))) + 1)).toISOString();
  const proof = {
    formatVersion, setId: result.setId, level: result.level, at, ok: result.ok, checkedObjects: result.checkedObjects, checkedBytes: result.checkedBytes,
    ...(result.onTopOf === undefined ? {} : { onTopOf: [...result.onTopOf] }), ...(result.readBackBefore === undefined ? {} : { readBackBefore: result.readBackBefore }),
    damage: result.damage.map(({ object, kind, total }) => ({ object, kind, entries: total })),
  };
  await putJson(repository.session, `${setFolder(set)}/proofs/${at.replaceAll(/[:.-]/g, '')}-${result.level}-${isGood(proof) ? GOOD : 'damaged'}.json`, withChecksum(proof));
}

/** How the name of a proof ends that found no damage: it need not be read to know that. Those of older versions of this product do not tell. */
const GOOD = 'good';

function isGood({ ok, damage }: Pick<Proof, 'ok' | 'damage'>): boolean {
  return ok && damage.length === 0;
}

/** When the newest proof below a folder was made: the names tell, none is read. 0 without any. */
async function newestProofMs(repository: Repository, folder: string): Promise<number> {
  let newest = 0;
  for await (const { key } of repository.session.list(`${folder}/`)) newest = Math.max(newest, namedProof(key)?.atMs ?? 0);
  return newest;
}

/** What the key of a proof tells of it; `undefined` for another object. `isGood` is false also where the name does not tell. */
export function namedProof(key: string): { readonly atMs: number; readonly level: string; readonly isGood: boolean } | undefined {
  const [, stamp, level, outcome] = /\/proofs\/(\d{8}T\d{9})Z-([a-z]+)(?:-([a-z]+))?\.json$/.exec(key) ?? [];
  const atMs = Date.parse(stamp?.replace(/^(....)(..)(..)T(..)(..)(..)(...)$/, '$1-$2-$3T$4:$5:$6.$7Z') ?? '');
  return level === undefined || Number.isNaN(atMs) ? undefined : { atMs, level, isGood: outcome === GOOD };
}

/** All proofs of a set, oldest first. */
export async function readProofs(repository: Repository, set: SetRef): Promise<Proof[]> {
  return await readProofsAt(repository, `${setFolder(set)}/proofs/`, () => true);
}

/**
 * Keys of objects that verifications found bad and that count as bad for this set: by its own proofs, where a later one at the same or a deeper
 * level clears what an earlier one found (one on top of another set clears nothing: it did not look at all of it); and by proofs of the task's other sets that are newer than this set's newest good one of such a level.
 */
export async function knownDamage(repository: Repository, set: SetRef): Promise<ReadonlySet<string>> {
  return damageOf(await readTaskProofs(repository, set, [set.setId]), set.setId);
}

/** The proofs of some sets of a task, and of its others those that may have found damage, oldest first: a task has as many proofs as runs, and nearly all are good. */
export async function readTaskProofs(repository: Repository, { cluster, task }: Pick<SetRef, 'cluster' | 'task'>, setIds: readonly string[]): Promise<Proof[]> {
  return await readProofsAt(repository, `${taskFolder(cluster, task)}/`, (key) => namedProof(key)?.isGood !== true || setIds.includes(parseSetKey(key)?.set.setId ?? ''));
}

/** The same from proofs at hand, oldest first. */
export function damageOf(proofs: readonly Proof[], setId: string): ReadonlySet<string> {
  const bad = new Map<string, number>();
  for (const proof of proofs) {
    const depth = verificationLevels.indexOf(proof.level);
    if (proof.setId === setId && proof.onTopOf === undefined) for (const [object, foundAt] of bad) if (foundAt <= depth) bad.delete(object);
    for (const { object } of proof.damage) {
      // Objects in another set's own folder do not concern this one.
      const inSet = parseSetKey(object);
      if (inSet === undefined || inSet.set.setId === setId) bad.set(object, depth);
    }
  }
  return new Set(bad.keys());
}

/** @param isWanted by the key; others are not read */
async function readProofsAt(repository: Repository, folder: string, isWanted: (key: string) => boolean): Promise<Proof[]> {
  const keys: string[] = [];
  for await (const { key } of repository.session.list(folder)) if (/\/proofs\/[^/]+\.json$/.test(key) && isWanted(key)) keys.push(key);
  const proofs = new Array<Proof>(keys.length);
  await inLanes(keys.entries(), READ_AT_ONCE, async ([index, key]) => void (proofs[index] = parseChecked(await readObject(repository.session, key, 64 << 20), proofSchema, key)));
  return proofs.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}
