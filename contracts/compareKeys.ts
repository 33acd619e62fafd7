const SLASH = 0x2f;

/** Rank of a UTF-16 code unit in the order of UTF-8 bytes, with `/` before everything else. */
function rank(unit: number): number {
  if (unit === SLASH) return 0;
  // UTF-8 order puts U+E000..U+FFFF before the supplementary planes, whose surrogates are U+D800..U+DFFF.
  if (unit >= 0xd800) return unit >= 0xe000 ? unit - 0x0800 : unit + 0x2000;
  return unit;
}

/**
 * The order of keys in every list, plan and index: by UTF-8 bytes, with `/` counted as 0x00.
 * So a directory is followed at once by everything below it, and a depth-first walk with sorted names is in order.
 */
export function compareKeys(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}
