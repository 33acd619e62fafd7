/** Object key of the pack with this digest. */
export function packKey(digest: string): string {
  return `packs/${digest.slice(0, 2)}/${digest}`;
}

/** Object key of an index shard or table with this digest. */
export function indexKey(digest: string): string {
  return `index/${digest.slice(0, 2)}/${digest}`;
}
