import type { SetContent } from '../dataSource.ts';
import { databasesIn } from './restoreNames.ts';

/** How many of the databases of `other` are among those of `one`. */
export function covered(one: SetContent, other: SetContent): 'all' | 'some' | 'none' {
  const mine = new Set(databasesIn(one.inventory)?.map(({ name }) => name));
  const theirs = databasesIn(other.inventory) ?? [];
  const shared = theirs.filter(({ name }) => mine.has(name)).length;
  return shared === theirs.length ? 'all' : shared > 0 ? 'some' : 'none';
}
