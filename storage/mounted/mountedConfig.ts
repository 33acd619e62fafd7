import { z } from 'zod';

/** What the blocks of a destination on a mounted share have in common, whatever its type. */
export const mountedConfig = {
  mountPath: z.string().regex(/^\/[^\0]*[^\0/]$/, 'an absolute path, not "/"').describe('where the operator has mounted the share, on the machine of the worker'),
  path: z.string().regex(/^(?!(.*\/)?\.\.(\/|$))[^\0]+$/, 'a path without ".."').default('/').describe('a folder below the mount point'),
  connections: z.int().min(1).max(16).default(4).describe('several transfers go side by side in so many processes'),
  timeoutSeconds: z.int().min(2).max(3600).default(60).describe('a call of the operating system that takes so long is given up'),
} as const;
