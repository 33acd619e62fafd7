import { randomBytes } from 'node:crypto';

/** Where one check works, and under which name its temporary objects go. */
export interface ConformancePlace {
  /** Folder of all its objects, ending in `/`. */
  readonly prefix: string;
  /** The `writer` of its sessions. */
  readonly writer: string;
}

/** A fresh place. When it was begun is part of its name: what is old was left by a check that was killed. */
export function conformancePlace(): ConformancePlace {
  const name = `${Date.now()}-${randomBytes(4).toString('hex')}`;
  return { prefix: `.conformance-${name}/`, writer: `check-${name}` };
}
