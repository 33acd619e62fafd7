/** What is wrong with an object. `index`: it cannot be read as an index; `count`: it holds something else than is said elsewhere; `foreign`: it belongs to another set. */
export type DamageKind = 'missing' | 'length' | 'digest' | 'frame' | 'manifest' | 'index' | 'foreign' | 'count';

export interface Damage {
  readonly object: string;
  readonly kind: DamageKind;
  /** `<source>@<instance>:<key>` of entries that are hit: at most 100. */
  readonly entries: readonly string[];
  /** How many are hit, as far as that can be known at this level. */
  readonly total: number;
}

const mostNames = 100;

/** Damage by object, each counted once. */
export class DamageList {
  readonly #items = new Map<string, { object: string; kind: DamageKind; entries: string[]; total: number }>();

  add(object: string, kind: DamageKind): void {
    if (!this.#items.has(object)) this.#items.set(object, { object, kind, entries: [], total: 0 });
  }

  has(object: string): boolean {
    return this.#items.has(object);
  }

  /** Whether another name is wanted for this object. */
  hit(object: string, count = 1): boolean {
    const item = this.#items.get(object)!;
    item.total += count;
    return item.total - count < mostNames;
  }

  name(object: string, entry: string): void {
    const { entries } = this.#items.get(object)!;
    if (entries.length < mostNames && !entries.includes(entry)) entries.push(entry);
  }

  all(): Damage[] {
    return [...this.#items.values()];
  }
}
