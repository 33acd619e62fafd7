import { Failure } from '../contracts/failure.ts';
import type { VerificationLevel } from '../contracts/run.ts';
import { parseSetKey, type SetRef } from './layout.ts';
import { damageOf, readProofs } from './proofs.ts';
import { readManifestOf } from './readManifest.ts';
import type { Repository } from './repository.ts';

/** A set in a list. Of a damaged or unsealed one only its place is known. */
export interface SetSummary extends SetRef {
  readonly recoveryPoint: string;
  readonly kind: 'full' | 'incremental' | '';
  readonly state: 'sealed' | 'verified' | 'partial' | 'begun' | 'damaged';
  /** `<source>@<instance>`, in the order of the set. */
  readonly sources: readonly string[];
  readonly files: number;
  readonly entries: number;
  readonly bytes: number;
  readonly storedBytes: number;
  /** Deepest level of a good proof, and when it was. */
  readonly verified?: VerificationLevel | 'restored';
  readonly verifiedAt?: string;
  readonly reason?: string;
}

/** How many sets are read before it is their turn: each is two or three objects, one after the other. */
const READ_AHEAD = 8;

/** Sets of the repository, oldest first. @param options.begun also those without a manifest: unfinished, or given up */
export async function* listSets(repository: Repository, options: { readonly begun?: boolean } = {}): AsyncGenerator<SetSummary> {
  const found = new Map<string, { readonly set: SetRef; sealed: boolean; proofs: boolean }>();
  for await (const { key } of repository.session.list('sets/')) {
    const parsed = parseSetKey(key);
    if (parsed === undefined) continue;
    const name = key.split('/').slice(0, 4).join('/');
    const entry = found.get(name) ?? { set: parsed.set, sealed: false, proofs: false };
    if (parsed.name === 'manifest.json') entry.sealed = true;
    if (parsed.name.startsWith('proofs/')) entry.proofs = true;
    found.set(name, entry);
  }
  const order = [...found.values()].sort((a, b) => (a.set.setId < b.set.setId ? -1 : a.set.setId > b.set.setId ? 1 : 0));
  const ahead: Promise<SetSummary>[] = [];
  for (const { set, sealed, proofs } of order) {
    if (!sealed && options.begun !== true) continue;
    const reading = sealed ? summarize(repository, set, proofs) : Promise.resolve(unknown(set, 'begun'));
    reading.catch(() => {});
    ahead.push(reading);
    if (ahead.length === READ_AHEAD) yield await ahead.shift()!;
  }
  for (const each of ahead) yield await each;
}

async function summarize(repository: Repository, set: SetRef, hasProofs: boolean): Promise<SetSummary> {
  try {
    const { recoveryPoint, kind, partial, totals, sources } = await readManifestOf(repository, set);
    const proofs = hasProofs ? await readProofs(repository, set) : [];
    const good = proofs.filter((each) => each.ok).sort((a, b) => depth(b.level) - depth(a.level) || (a.at < b.at ? 1 : -1))[0];
    const isDamaged = damageOf(proofs, set.setId).size > 0;
    const state = isDamaged ? 'damaged' : partial ? 'partial' : good !== undefined ? 'verified' : 'sealed';
    const { files, entries, bytes, storedBytes } = totals;
    return { ...set, recoveryPoint, kind, state, sources: sources.map((each) => `${each.source}@${each.instance}`), files, entries, bytes, storedBytes, ...(good === undefined ? {} : { verified: good.level, verifiedAt: good.at }) };
  } catch (error) {
    if (error instanceof Failure && (error.rule.kind === 'damage')) return { ...unknown(set, 'damaged'), reason: error.message };
    throw error;
  }
}

function unknown(set: SetRef, state: 'begun' | 'damaged'): SetSummary {
  return { ...set, recoveryPoint: '', kind: '', state, sources: [], files: 0, entries: 0, bytes: 0, storedBytes: 0 };
}

function depth(level: string): number {
  return ['presence', 'stored', 'content', 'restored'].indexOf(level);
}
