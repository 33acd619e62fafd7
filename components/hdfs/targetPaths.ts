import { compareKeys } from '../../contracts/compareKeys.ts';
import { isBelow } from '../../contracts/isBelow.ts';
import { Failure } from '../../contracts/failure.ts';
import type { RestoreTarget } from '../dataSource.ts';
import { hdfsSelectionSchema } from './hdfsSchemas.ts';
import { nameOf, parentOf } from './paths.ts';

/**
 * A part of a restoration that appears as a whole: a path of the selection, or what was chosen below it.
 * `final` is where it belongs in the end, `written` where entries are written (the same, unless in place).
 */
export interface Unit {
  readonly key: string;
  readonly written: string;
  readonly final: string;
  /** Folder beside `final` that shows the restoration has begun; in place it holds what is written. */
  readonly staging: string;
  /** In place: where the old content is kept. */
  readonly kept: string;
}

/** The units of a restoration, in key order. */
export function unitsOf(target: RestoreTarget): Unit[] {
  const roots = [...hdfsSelectionSchema.parse(target.selection).paths].sort(compareKeys);
  const units: Unit[] = [];
  for (const root of roots) {
    const chosen = target.only.length === 0 || target.only.some((only) => isBelow(root, only)) ? [root] : target.only.filter((only) => isBelow(only, root));
    for (const key of [...chosen].sort(compareKeys)) {
      if (units.some((unit) => isBelow(key, unit.key))) continue;
      const final = target.mode === 'inPlace' ? key : mapped(target, root, key);
      const staging = `${parentOf(final) === '/' ? '' : parentOf(final)}/.mrs-backup-${target.name}`;
      units.push({ key, final, staging, written: target.mode === 'inPlace' ? `${staging}/${nameOf(final)}` : final, kept: `${final}.before-${target.name}` });
    }
  }
  return units;
}

function mapped(target: RestoreTarget, root: string, key: string): string {
  let best: { readonly from: string; readonly to: string } | undefined;
  for (const one of target.mapping.paths) if (isBelow(key, one.from) && (best === undefined || one.from.length > best.from.length)) best = one;
  if (best !== undefined) return `${best.to === '/' ? '' : best.to.replace(/\/+$/, '')}${best.from === '/' ? key : key.slice(best.from.length)}`;
  return target.mode === 'beside' ? `${root}.restored-${target.name}${key.slice(root.length)}` : key;
}

/** The unit an entry belongs to. @throws Failure E_SOURCE_PATH for a key outside of all of them */
export function unitOf(units: readonly Unit[], key: string): Unit {
  const unit = units.find((one) => isBelow(key, one.key));
  if (unit === undefined) throw new Failure('E_SOURCE_PATH', `HDFS: ${key} is not part of what is restored`);
  return unit;
}

/** Where an entry is written. A mapping that is longer than the unit's own wins. */
export function writtenPath(target: RestoreTarget, units: readonly Unit[], key: string): string {
  const unit = unitOf(units, key);
  if (target.mode !== 'inPlace') {
    const inner = target.mapping.paths.filter((one) => isBelow(key, one.from) && one.from.length > unit.key.length).sort((a, b) => b.from.length - a.from.length)[0];
    if (inner !== undefined) return `${inner.to === '/' ? '' : inner.to}${key.slice(inner.from.length)}`;
  }
  return unit.written + key.slice(unit.key.length);
}

/** Prefix of the names of files being written; removed from a directory when it is settled. */
export function temporaryPrefix(target: RestoreTarget): string {
  return `.mrs-backup-${target.name}-`;
}
