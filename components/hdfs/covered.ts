import { isBelow } from '../../contracts/isBelow.ts';
import type { SetContent } from '../dataSource.ts';
import { hdfsSelectionSchema } from './hdfsSchemas.ts';

/** How much of the paths of `other` lies below the paths of `one`. What `one` excludes counts as missing unless `other` excludes it as well. */
export function covered(one: SetContent, other: SetContent): 'all' | 'some' | 'none' {
  const mine = hdfsSelectionSchema.parse(one.selection);
  const theirs = hdfsSelectionSchema.parse(other.selection);
  const touches = theirs.paths.some((path) => mine.paths.some((root) => isBelow(path, root) || isBelow(root, path)));
  if (!touches) return 'none';
  const inside = theirs.paths.every((path) => mine.paths.some((root) => isBelow(path, root)));
  const excludesNoMore = (mine.exclude ?? []).every((pattern) => theirs.exclude?.includes(pattern) === true);
  return inside && excludesNoMore ? 'all' : 'some';
}
