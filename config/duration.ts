const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/**
 * Milliseconds of a duration such as `10m`, `6h`, `1d`, `1h30m`, `250ms`.
 * @returns undefined when the text is not one.
 */
export function parseDuration(text: string): number | undefined {
  const compact = text.trim();
  if (!/^(\d+(\.\d+)?\s*(ms|s|m|h|d|w)\s*)+$/.test(compact)) return undefined;
  let totalMs = 0;
  for (const [, number, unit] of compact.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)/g)) totalMs += Number(number) * (units[unit ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(Math.round(totalMs)) ? Math.round(totalMs) : undefined;
}
