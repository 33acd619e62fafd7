import type { DataSource } from '../components/dataSource.ts';

/** The order in which handles are taken and restorations go: what points at something before what is pointed at; otherwise as given. */
export function orderSources<T extends { readonly source: string }>(items: readonly T[], sources: readonly DataSource[]): readonly T[] {
  const rank = (name: string, above: readonly string[] = []): number => {
    const after = sources.find((each) => each.name === name)?.runsAfter ?? [];
    return Math.max(0, ...after.filter((each) => !above.includes(each)).map((each) => rank(each, [...above, name]) + 1));
  };
  return items.map((item, index) => ({ item, index, rank: rank(item.source) })).sort((a, b) => a.rank - b.rank || a.index - b.index).map((each) => each.item);
}
