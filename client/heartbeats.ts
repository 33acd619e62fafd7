import { defaultPayloadConverter } from '@temporalio/common';
import type { WorkflowExecutionDescription } from '@temporalio/client';

/** What shards in work reported and their run does not count yet. */
export interface InFlight {
  readonly files: number;
  readonly bytes: number;
  readonly storedBytes: number;
}

/** Activities whose result is added to the same counters when they end. Comparing and reading back count nothing there. */
const counted = ['copyShard', 'restoreShard'];

/** Sums up the heartbeats of the shards that are in work. What cannot be read counts nothing. */
export function inFlight(described: Pick<WorkflowExecutionDescription, 'raw'>): InFlight {
  let files = 0;
  let bytes = 0;
  let storedBytes = 0;
  for (const activity of described.raw.pendingActivities ?? []) {
    if (!counted.includes(activity.activityType?.name ?? '')) continue;
    const payload = activity.heartbeatDetails?.payloads?.[0];
    if (payload === undefined) continue;
    const beat = defaultPayloadConverter.fromPayload<{ v?: unknown; files?: unknown; bytes?: unknown; storedBytes?: unknown }>(payload);
    if (beat?.v !== 1) continue;
    if (typeof beat.files === 'number') files += beat.files;
    if (typeof beat.bytes === 'number') bytes += beat.bytes;
    if (typeof beat.storedBytes === 'number') storedBytes += beat.storedBytes;
  }
  return { files, bytes, storedBytes };
}
