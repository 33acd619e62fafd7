import { DefaultLogger, type Logger } from '@temporalio/worker';

/** What of an entry's fields a person needs; tokens and the like are left out. */
const shown = ['activityType', 'workflowId', 'attempt', 'taskQueue', 'error'] as const;
/** Said by the SDK beside our own line, or of no use to an operator. */
const silent = ['Activity failed', 'No workflows registered, not polling for workflow tasks'];

/** Log of the worker: one line an entry, warnings and worse. */
export function workerLog(write: (line: string) => void): Logger {
  return new DefaultLogger('WARN', ({ level, message, meta, timestampNanos }) => {
    if (silent.includes(message)) return;
    const fields = shown.flatMap((name) => {
      const value: unknown = meta?.[name];
      return value === undefined ? [] : [`${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`];
    });
    write(`${new Date(Number(timestampNanos / 1_000_000n)).toISOString()} ${level} ${message}${fields.length === 0 ? '' : ` ${fields.join(' ')}`}\n`);
  });
}
