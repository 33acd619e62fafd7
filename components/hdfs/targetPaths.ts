import { createHash } from 'node:crypto';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { isBelow } from '../../contracts/isBelow.ts';
import { Failure } from '../../contracts/failure.ts';
import type { RestoreTarget } from '../dataSource.ts';
import { hdfsSelectionSchema } from './hdfsSchemas.ts';
import { nameOf, parentOf } from './paths.ts';

/**
 * A part of a restoration that appears as a whole: a path of the selection, what was chosen below it, or what the mapping sends elsewhere.
 * `final` is where it belongs in the end, `written` where entries are written (the same, unless in place).
 */
export interface Unit {
  readonly key: string;
  readonly written: string;
  readonly final: string;
  /** Folder beside `final` that shows the restoration has begun; in place it holds what is written. Units within another one's `final` share that one's. */
  readonly staging: string;
  /** Folder in `staging` that says: `final` did not exist before. */
  readonly created: string;
  /** In place: where the old content is kept. */
  readonly kept: string;
}

/** The units of a restoration, in key order; of those an entry lies below, the last one is its own. */
export function unitsOf(target: RestoreTarget): Unit[] {
  const places = target.mode === 'inPlace' ? chosenKeys(target).map(({ key }) => ({ key, final: key })) : mappedPlaces(target);
  const outermost = places.filter((one) => !places.some((other) => other.final !== one.final && isBelow(one.final, other.final)));
  return places.map(({ key, final }) => {
    const around = outermost.find((other) => other.final !== final && isBelow(final, other.final))?.final;
    const staging = `${parentOf(around ?? final) === '/' ? '' : parentOf(around ?? final)}/.mrs-backup-${target.name}`;
    const mark = around === undefined ? nameOf(final) : createHash('sha256').update(final).digest('hex');
    return { key, final, staging, created: `${staging}/.created-${mark}`, written: target.mode === 'inPlace' ? `${staging}/${nameOf(final)}` : final, kept: `${final}.before-${target.name}` };
  });
}

/** The topmost keys of what is restored, each with the path of the selection it is in. */
function chosenKeys(target: RestoreTarget): { readonly root: string; readonly key: string }[] {
  const found: { readonly root: string; readonly key: string }[] = [];
  for (const root of [...hdfsSelectionSchema.parse(target.selection).paths].sort(compareKeys)) {
    const chosen = target.only.length === 0 || target.only.some((only) => isBelow(root, only)) ? [root] : target.only.filter((only) => isBelow(only, root));
    for (const key of [...chosen].sort(compareKeys)) if (!found.some((one) => isBelow(key, one.key))) found.push({ root, key });
  }
  return found;
}

/** Every key that gets a place of its own: those that were chosen, and what the mapping takes out of them. */
function mappedPlaces(target: RestoreTarget): { readonly key: string; readonly final: string }[] {
  const chosen = chosenKeys(target);
  const inner = target.mapping.paths.filter((one) => chosen.some(({ key }) => one.from !== key && isBelow(one.from, key)));
  return [...chosen.map(({ root, key }) => ({ key, final: mapped(target, root, key) })), ...inner.map((one) => ({ key: one.from, final: one.to.replace(/(?<=.)\/+$/, '') }))]
    .sort((a, b) => compareKeys(a.key, b.key));
}

function mapped(target: RestoreTarget, root: string, key: string): string {
  let best: { readonly from: string; readonly to: string } | undefined;
  for (const one of target.mapping.paths) if (isBelow(key, one.from) && (best === undefined || one.from.length > best.from.length)) best = one;
  if (best !== undefined) return `${best.to === '/' ? '' : best.to.replace(/\/+$/, '')}${best.from === '/' ? key : key.slice(best.from.length)}`;
  return target.mode === 'beside' ? `${root}.restored-${target.name}${key.slice(root.length)}` : key;
}

/** The unit an entry belongs to. @throws Failure E_SOURCE_PATH for a key outside of all of them */
export function unitOf(units: readonly Unit[], key: string): Unit {
  const unit = units.findLast((one) => isBelow(key, one.key));
  if (unit === undefined) throw new Failure('E_SOURCE_PATH', `HDFS: ${key} is not part of what is restored`);
  return unit;
}

/** Where an entry is written. */
export function writtenPath(units: readonly Unit[], key: string): string {
  const unit = unitOf(units, key);
  return unit.written + key.slice(unit.key.length);
}

/** Prefix of the names of files being written; removed from a directory when it is settled. */
export function temporaryPrefix(target: RestoreTarget): string {
  return `.mrs-backup-${target.name}-`;
}
