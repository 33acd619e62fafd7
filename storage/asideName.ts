/** A name that no key becomes (keyNames.ts), so it is nobody's object. */
const ASIDE = '%old';

/**
 * Where an object waits while another one takes its place, on servers whose rename does not replace in one step. Whoever finds no object at a path looks here: so a
 * reader always has the old one or the new one, also when the writer died in between.
 */
export function asideOf(path: string): string {
  return `${path}${ASIDE}`;
}

/** The name of the object that such a name belongs to; `undefined` for any other name. */
export function isAside(name: string): string | undefined {
  return name.endsWith(ASIDE) ? name.slice(0, -ASIDE.length) : undefined;
}
