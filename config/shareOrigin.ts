import { originOf } from './originOf.ts';

/** Whether two lists of URLs have a server in common, however it is written. */
export function shareOrigin(a: readonly unknown[], b: readonly unknown[]): boolean {
  const origins = new Set(a.map(originOf));
  return b.some((each) => origins.has(originOf(each)));
}
