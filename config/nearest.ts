import { distance } from 'fastest-levenshtein';

/** The candidate that was most likely meant, or undefined when none is near. Case is half forgiven. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: { readonly candidate: string; readonly cost: number } | undefined;
  for (const candidate of candidates) {
    const cost = distance(word.toLowerCase(), candidate.toLowerCase());
    if (best === undefined || cost < best.cost) best = { candidate, cost };
  }
  // Two swapped letters cost two.
  const allowed = word.length <= 3 ? 1 : Math.max(2, Math.floor(word.length * 0.4));
  return best !== undefined && best.cost <= allowed ? best.candidate : undefined;
}
