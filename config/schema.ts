import { z } from 'zod';
import { parseDuration } from './duration.ts';
import { isCron } from './isCron.ts';
import { dividesDay } from './dividesDay.ts';
import { parseRate } from './size.ts';

/**
 * The operator's file except for what data sources and drivers know: their blocks are checked by their own schemas (checkConfig.ts).
 * Strict everywhere: an unknown key is an error.
 */

/** Names become folders, workflow ids and queue names. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

const durationMs = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: 'is not a duration; write for example 10m, 6h or 1d' });
  return z.NEVER;
});

const bytesPerSecond = z.string().transform((text, context) => {
  const rate = parseRate(text);
  if (rate !== undefined) return rate;
  context.addIssue({ code: 'custom', message: 'is not a rate; write for example 50MB/s or 100 MiB/s' });
  return z.NEVER;
});

const timeZone = z.string().refine(isTimeZone, { message: 'is not a time zone; write a name such as UTC or Europe/Berlin' });

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}

const secretReference = z.union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })]);

export const encryptionSchema = z
  .strictObject({ key: secretReference.optional(), passphrase: secretReference.optional() })
  .refine((block) => (block.key === undefined) !== (block.passphrase === undefined), { message: 'needs exactly one of key and passphrase' });

export const engineSchema = z
  .strictObject({
    address: z.string().regex(/^[^\s:]+:\d+$/, { message: 'must be host:port' }).optional(),
    port: z.int().min(1).max(65535).optional(),
    uiPort: z.int().min(1).max(65535).optional(),
    state: z.string().min(1).optional(),
    namespace: z.string().min(1).optional(),
  })
  .refine((block) => block.address === undefined || block.port === undefined, { message: 'address is an engine elsewhere and port the embedded one: name only one of them' });

const scheduleSchema = z
  .strictObject({
    every: durationMs.optional(),
    cron: z.string().refine(isCron, { message: 'is not a cron expression; write minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-7, such as "15 3 * * 1-5"' }).optional(),
    at: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, { message: 'must be a time of day such as "01:00"' }).optional(),
    timeZone: timeZone.default('UTC'),
    jitter: durationMs.default(0),
    overlap: z.enum(['skip', 'bufferOne']).default('skip'),
    catchUp: durationMs.default(6 * 3_600_000),
  })
  .superRefine((block, context) => {
    if ((block.every === undefined) === (block.cron === undefined)) context.addIssue({ code: 'custom', message: 'needs exactly one of every and cron' });
    if (block.cron !== undefined && block.at !== undefined) context.addIssue({ code: 'custom', path: ['at'], message: 'goes with every; a cron expression has its own time' });
    if (block.every !== undefined && block.every < 10_000) context.addIssue({ code: 'custom', path: ['every'], message: 'must be at least 10s' });
    // Times of day in a time zone come from an interval that divides a day; others the engine counts in UTC, from 1970 on.
    if (block.every !== undefined && block.timeZone !== 'UTC' && !dividesDay(block.every)) context.addIssue({ code: 'custom', path: ['timeZone'], message: 'goes with an interval that divides a day into whole minutes, others count in UTC; write cron for days of a week' });
    if (block.every !== undefined && block.jitter >= block.every) context.addIssue({ code: 'custom', path: ['jitter'], message: 'must be shorter than the interval' });
    if (block.catchUp < 10_000) context.addIssue({ code: 'custom', path: ['catchUp'], message: 'must be at least 10s' });
  });

const defaultPatienceMs = 3_600_000;

export const taskSchema = z.strictObject({
  cluster: z.string(),
  /** Each is `{ source, instance?, …selection }`; the selection is the data source's. */
  sources: z.array(z.looseObject({ source: z.string(), instance: z.string().optional() })).min(1),
  destinations: z.array(z.string()).min(1),
  /** `patience`: how long one of several destinations may be away before the run goes on without it. */
  policy: z.strictObject({ incremental: z.boolean().default(true), fullEvery: z.int().min(1).optional(), patience: durationMs.default(defaultPatienceMs) }).default({ incremental: true, patience: defaultPatienceMs }),
  schedule: scheduleSchema.optional(),
  retention: z.strictObject({ copies: z.int().min(1).optional(), keepDays: z.int().min(1).optional(), minimumVerified: z.int().min(0).optional() }).optional(),
  limits: z.strictObject({ bandwidth: bytesPerSecond.optional(), parallel: z.int().min(1).max(64).default(4) }).default({ parallel: 4 }),
  verify: z.enum(['presence', 'stored', 'content']).default('stored'),
});

export type TaskBlock = z.output<typeof taskSchema>;

export const clusterSchema = z.strictObject({
  services: z.record(z.string(), z.record(z.string(), z.unknown())),
});

export const rootSchema = z.strictObject({
  engine: z.unknown().optional(),
  clusters: z.record(z.string(), z.unknown()).default({}),
  destinations: z.record(z.string(), z.unknown()).default({}),
  tasks: z.record(z.string(), z.unknown()).default({}),
});
