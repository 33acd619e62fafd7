import { z } from 'zod';
import { bytes, count, document, level, limits, object, runFailure, runRow, runState, seconds, text, time } from './parts.ts';
import { restored } from './restorationAnswers.ts';

const copied = object({
  source: text, instance: text, kind: z.enum(['full', 'incremental']), fellBack: text.optional(), recoveryPoint: time,
  entries: count, files: count, bytes, storedBytes: bytes, readBytes: bytes, gaps: count, warnings: z.array(text), seconds,
});
const backup = document({
  runId: text, cluster: text, task: text, outcome: z.enum(['sealed', 'partial']), setIds: z.array(text), recoveryPoint: time,
  destinations: z.array(object({ name: text, setId: text, state: z.enum(['sealed', 'failed']), verified: level.optional(), damage: count.optional(), failure: runFailure.optional() })),
  sources: z.array(copied), failures: z.array(runFailure), seconds,
});
const verified = document({ runId: text, setId: text, level, ok: z.boolean(), checkedObjects: count, checkedBytes: bytes, damage: count, damaged: z.array(text) });
/** With `--detach`. */
const detached = document({ runId: text, setIds: z.array(text).length(0), outcome: z.literal('running'), sources: z.array(z.never()) });
const steered = document({ runId: text, state: z.enum(['running', 'paused']), phase: text, limits });
const schedule = object({ state: z.enum(['active', 'suspended', 'none']), note: text.nullable(), nextRuns: z.array(time), recentRuns: z.array(text) });
const sourceRef = object({ cluster: text, source: text, instance: text });

/** Of `task` and `run`. */
export const runAnswers = {
  'task list': document({ tasks: z.array(object({ task: text, cluster: text, sources: z.array(text), destinations: z.array(text), schedule: schedule.shape.state, nextRun: time.nullable() })) }),
  'task show': document({
    task: text, cluster: text, sources: z.array(sourceRef), destinations: z.array(text), policy: object({ incremental: z.boolean(), fullEvery: count.nullable() }),
    limits, verify: level, scheduleState: schedule, runs: z.array(runRow),
  }),
  'task apply': document({ dryRun: z.boolean(), created: z.array(text), updated: z.array(text), unchanged: z.array(text), deleted: z.array(text) }),
  'task run': z.union([backup, detached]),
  'task suspend': document({ task: text, schedule: z.literal('suspended') }),
  'task resume': document({ task: text, schedule: z.literal('active') }),
  'task stop': document({ task: text, stopped: z.array(text) }),
  'task history': document({ task: text, runs: z.array(runRow) }),
  'run list': document({ runs: z.array(runRow) }),
  'run show': document({
    runId: text, kind: text, task: text.nullable(), cluster: text.nullable(), state: runState, phase: text.nullable(),
    progress: object({ files: count, bytes, totalFiles: count, totalBytes: bytes, storedBytes: bytes, ratePerSecond: bytes.nullable(), etaSeconds: seconds.nullable() }),
    sources: z.array(object({ source: text, instance: text, phase: text, files: count, bytes, totalFiles: count, totalBytes: bytes, storedBytes: bytes, shards: count, shardsDone: count })),
    waitingFor: text.nullable(), limits: limits.nullable(), setIds: z.array(text), failures: z.array(runFailure), startedAt: time, closedAt: time.nullable(), result: z.unknown(),
  }),
  'run watch': z.union([backup, restored, verified]),
  'run pause': steered,
  'run resume': steered,
  'run limit': steered,
  'run cancel': document({ runId: text, state: z.enum(['cancelling', 'cancelled', 'completed']) }),
};
