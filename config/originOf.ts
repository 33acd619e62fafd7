/** Which server a URL leads to: the same of `https://obs.internal` and `https://OBS.internal:443/`. */
export function originOf(url: unknown): string {
  return URL.parse(String(url))?.origin ?? String(url);
}
