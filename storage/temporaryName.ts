import { randomBytes } from 'node:crypto';

const noWriter = 'any';

/** A fresh name in the folder of temporary objects: whose it is, and when it was begun. */
export function temporaryName(writer: string | undefined): string {
  return `${writer ?? noWriter}.${Date.now().toString(36)}-${randomBytes(12).toString('hex')}`;
}

/** Whether a temporary object is this writer's. */
export function isOf(writer: string | undefined, name: string): boolean {
  return writer !== undefined && name.startsWith(`${writer}.`);
}

/** What the name of a temporary object tells of who began it, and when. */
export function beginningOf(name: string): { readonly writer: string | undefined; readonly begunAt: Date | undefined } {
  const [, writer, stamp] = /^([a-z0-9-]+)\.([0-9a-z]{7,9})-[0-9a-f]{24}$/.exec(name) ?? [];
  return { writer: writer === noWriter ? undefined : writer, begunAt: stamp === undefined ? undefined : new Date(Number.parseInt(stamp, 36)) };
}
