import prettyBytes from 'pretty-bytes';

/** Bytes as a person reads them; empty when unknown. */
export function bytesText(sizeBytes: number | null | undefined): string {
  return sizeBytes === null || sizeBytes === undefined ? '' : prettyBytes(sizeBytes, { binary: true });
}

/** `2h 05m`, `3m 10s`, `12s`. */
export function durationText(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '';
  const whole = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, '0');
  if (whole >= 3600) return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
  return whole >= 60 ? `${Math.floor(whole / 60)}m ${two(whole % 60)}s` : `${whole}s`;
}

/** Left column of names, right column of values; empty values are left out. */
export function pairsText(pairs: readonly (readonly [string, string | number | null | undefined])[]): string {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(...shown.map(([name]) => name.length), 0);
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
