import type { z } from 'zod';
import type { statusAnswer } from './answers.ts';
import type { HdfsStatus } from './webHdfs.ts';

/** One status in our words. */
export function readStatus(raw: z.infer<typeof statusAnswer>): HdfsStatus {
  return { ...raw, ecPolicy: raw.ecPolicy === '' ? undefined : raw.ecPolicy, symlink: raw.symlink };
}
