import { z } from 'zod';
import { count, document, object, problem, seconds, text } from './parts.ts';

const destination = object({
  destination: text, type: text, capabilities: object({}),
  cases: z.array(object({ name: text, status: z.enum(['passed', 'failed', 'unsupported']), reason: text, seconds, bytesPerSecond: z.number().optional() })),
});

/** Of `config`, `cluster`, `destination` and `support`. */
export const configAnswers = {
  'config check': document({ ok: z.boolean(), problems: z.array(object({ path: text, line: count, message: text, hint: text, severity: z.enum(['error', 'warning']) })) }),
  'config explain': document({ values: z.array(object({ key: text, value: text, from: text })) }),
  'cluster check': document({
    cluster: text.nullable(),
    instances: z.array(object({ cluster: text, source: text, instance: text, status: z.enum(['ok', 'warning', 'error']), version: text, problems: z.array(problem) })),
  }),
  'destination check': z.union([document(destination.shape), document({ destinations: z.array(destination) })]),
  'support show': document({ rows: z.array(object({ source: text, type: text, vendor: text, ours: z.enum(['supported', 'warning', 'refused']), proved: z.enum(['proved', 'unproven']), reason: text })) }),
};
