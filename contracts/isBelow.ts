/** Whether `key` is `ancestor` itself or lies below it. `/` is above every absolute path. */
export function isBelow(key: string, ancestor: string): boolean {
  if (key === ancestor) return true;
  return key.startsWith(ancestor.endsWith('/') ? ancestor : `${ancestor}/`);
}
