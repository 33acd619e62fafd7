/** Bytes of each unit. `Mb` is left out on purpose: it may mean bits. */
const units: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, PB: 1e15,
  KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, PiB: 2 ** 50,
};

/**
 * Bytes of a size such as `64MiB`, `1.5 GB`, `512B`.
 * @returns undefined when the text is not one.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KkMGTP]?i?B)$/.exec(text.trim());
  const unit = units[match?.[2] ?? ''];
  if (match === null || unit === undefined) return undefined;
  const sizeBytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : undefined;
}

/**
 * Bytes a second of a rate such as `50MB/s`, `100 MiB/s`.
 * @returns undefined when the text is not one, or is zero.
 */
export function parseRate(text: string): number | undefined {
  const match = /^(.*)\/\s*s$/.exec(text.trim());
  const bytesPerSecond = match === null ? undefined : parseSize(match[1] ?? '');
  return bytesPerSecond === 0 ? undefined : bytesPerSecond;
}
