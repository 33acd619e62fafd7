import { randomBytes } from 'node:crypto';

/** A fresh name in the folder of temporary objects: whose it is, and when it was begun. */
export function temporaryName(writer: string | undefined): string {
  return `${writer ?? 'any'}.${Date.now().toString(36)}-${randomBytes(12).toString('hex')}`;
}

/** Whether a temporary object is this writer's. */
export function isOf(writer: string | undefined, name: string): boolean {
  return writer !== undefined && name.startsWith(`${writer}.`);
}
