import { z } from 'zod';
import { failures, type FailureCode } from '../../contracts/failures.ts';

/** What the documents of several commands are made of. Units are always the same: bytes, seconds, ISO 8601 in UTC. */

export const text = z.string();
export const time = z.iso.datetime();
export const count = z.number().int().min(0);
export const bytes = count.describe('bytes');
export const seconds = z.number().min(0).describe('seconds');
export const level = z.enum(['presence', 'stored', 'content']);
export const code = z.enum(Object.keys(failures) as [FailureCode, ...FailureCode[]]);
/** Members may be added within a major version, so what is not named here is let through. */
export const object = z.looseObject;

/** A whole document. */
export function document<T extends z.ZodRawShape>(shape: T) {
  return z.looseObject({ version: z.literal(1), ...shape });
}

export const runFailure = object({ code, message: text, hint: text, about: text.optional() });
export const problem = object({ severity: z.enum(['error', 'warning']), code, message: text, hint: text });
export const limits = object({ bandwidth: z.number().nullable(), parallel: count });
export const runState = z.enum(['running', 'paused', 'waiting', 'completed', 'failed', 'cancelled', 'terminated', 'timed_out', 'unknown']);
export const runRow = object({
  runId: text, kind: text, task: text.nullable(), cluster: text.nullable(), state: runState, outcome: text.nullable(),
  startedAt: time, closedAt: time.nullable(), seconds: seconds.nullable(), files: count.nullable(), bytes: bytes.nullable(),
});

/** Of every command that fails. */
export const errorAnswer = document({ error: object({ code, message: text, hint: text, details: object({}) }) });
