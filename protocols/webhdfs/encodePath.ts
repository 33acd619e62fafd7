/**
 * `/webhdfs/v1` plus the path, each component encoded. Every name HDFS allows comes back byte for byte; `.` and `..` would be resolved by
 * any HTTP client and NUL breaks the server's answer, so they are refused.
 */
export function encodePath(path: string): string {
  if (!path.startsWith('/')) throw new TypeError(`not an absolute path: ${JSON.stringify(path)}`);
  if (path === '/') return '/webhdfs/v1/';
  let encoded = '/webhdfs/v1';
  for (const name of path.slice(1).split('/')) {
    if (name === '' || name === '.' || name === '..' || name.includes('\0')) throw new TypeError(`not a normalised HDFS path: ${JSON.stringify(path)}`);
    encoded += `/${encodeURIComponent(name)}`;
  }
  return encoded;
}
