import { z } from 'zod';
import { bytes, code, count, document, level, object, text, time } from './parts.ts';

const leftover = object({ kind: z.enum(['handle', 'restoration', 'staging', 'set', 'temporary']), where: text, name: text, objects: count.optional(), bytes: bytes.optional() });

/** Of `set` and `reap`. */
export const setAnswers = {
  'set list': document({
    sets: z.array(object({
      destination: text, setId: text, cluster: text, task: text, recoveryPoint: text, kind: z.enum(['full', 'incremental', '']), state: z.enum(['sealed', 'verified', 'partial', 'begun', 'damaged']),
      sources: z.array(text), files: count, entries: count, bytes, storedBytes: bytes, verified: z.enum(['presence', 'stored', 'content', 'restored']).nullable(), verifiedAt: time.optional(),
    })),
    unreachable: z.array(object({ destination: text, code, message: text })),
  }),
  'set show': document({
    setId: text, cluster: text, task: text, runId: text, kind: z.enum(['full', 'incremental']), recoveryPoint: time, sealedAt: time, productVersion: text, partial: z.boolean(),
    sources: z.array(object({ source: text, instance: text, kind: z.enum(['full', 'incremental']), files: count, entries: count, bytes, storedBytes: bytes, gaps: count })),
    totals: object({ entries: count, files: count, bytes, storedBytes: bytes, gaps: count }),
  }),
  'set verify': z.union([
    document({ setId: text, level, ok: z.boolean(), checkedObjects: count, checkedBytes: bytes, damage: z.array(object({ object: text, kind: text, entries: z.array(text) })) }),
    document({ setId: text, level, runId: text, outcome: z.literal('running') }).describe('with --detach'),
  ]),
  'set extract': document({ setId: text, entries: count, files: count, bytes, failed: z.array(object({ key: text, reason: text })).max(100), failedTotal: count }),
  'set copy': document({
    setId: text, from: text, to: text, dryRun: z.boolean(), objects: count, bytes, copiedObjects: count, copiedBytes: bytes,
    verified: object({ level, ok: z.boolean(), damage: count }).nullable(),
  }),
  reap: document({
    dryRun: z.boolean(), found: z.array(leftover), removed: z.array(leftover),
    failed: z.array(object({ where: text, name: text.nullable(), code, message: text, hint: text })),
  }),
};
