import { z } from 'zod';
import { bytes, code, count, document, object, runFailure, runRow, runState, seconds, text, time } from './parts.ts';

const outcome = {
  runId: text, planId: text, outcome: z.enum(['restored', 'differences', 'compared']),
  sources: z.array(object({
    source: text, instance: text, fromInstance: text, entries: count, bytes, compared: count, differences: count, differing: z.array(text).max(100),
    missing: count, missingNames: z.array(text).max(100), safetyPoint: text.nullable(), seconds,
  })),
  parity: z.array(object({ source: text, instance: text, equal: z.boolean(), differences: count })),
  safetyPoint: text.nullable(), rtoSeconds: seconds, failures: z.array(runFailure),
};
/** What a restoration or a mirror came to. */
export const restored = document(outcome);
const detached = document({ runId: text, outcome: z.literal('running'), sources: z.array(z.never()) });

/** Of `restoration` and `mirror`. */
export const restorationAnswers = {
  'restoration plan': document({
    planId: text, digest: text, createdAt: time, request: object({ toCluster: text, mode: z.enum(['beside', 'inPlace', 'mirror']), existing: z.enum(['fail', 'skip', 'force']) }),
    order: z.array(object({ source: text, fromInstance: text, toInstance: text, destination: text, setId: text, recoveryPoint: time, entries: count, bytes })),
    steps: z.array(text), conflicts: z.array(text), stops: z.array(text), losses: z.array(text), spaceNeeded: bytes, spaceFree: bytes.nullable(),
    refused: object({ code, reason: text }).optional(),
  }),
  'restoration approve': document({ planId: text, digest: text, approved: z.literal(true), runId: text }),
  'restoration run': z.union([restored, detached]),
  'restoration list': document({ restorations: z.array(object({ ...runRow.shape, planId: text, digest: text.nullable(), state: runState })) }),
  'mirror run': z.union([restored, detached]),
  'mirror compare': z.union([restored, detached]),
};
