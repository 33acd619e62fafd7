import type { ScheduleConfig } from '../config/config.ts';
import { dividesDay } from '../config/dividesDay.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** When a task runs, as Temporal's schedules say it. */
export interface ScheduleSpecification {
  readonly calendars?: readonly { readonly hour: readonly number[]; readonly minute: readonly number[] }[];
  readonly intervals?: readonly { readonly every: number; readonly offset: number }[];
  readonly cronExpressions?: readonly string[];
  readonly timezone: string;
  readonly jitter: number;
}

/**
 * Intervals that divide a day become times of day in the task's time zone, beginning at `at`; Temporal's own intervals know only UTC.
 * @returns at most 24 × 60 times a day
 */
export function scheduleSpec(schedule: ScheduleConfig): ScheduleSpecification {
  const common = { timezone: schedule.timeZone, jitter: schedule.jitterMs };
  if (schedule.cron !== undefined) return { ...common, cronExpressions: [schedule.cron] };
  const everyMs = schedule.everyMs ?? dayMs;
  if (!dividesDay(everyMs)) {
    return { ...common, timezone: 'UTC', intervals: [{ every: everyMs, offset: (schedule.atMinutes * minuteMs) % everyMs }] };
  }
  // Hours of the same minute share one calendar.
  const hoursByMinute = new Map<number, number[]>();
  for (let passedMs = 0; passedMs < dayMs; passedMs += everyMs) {
    const time = (schedule.atMinutes + passedMs / minuteMs) % (24 * 60);
    const minute = time % 60;
    hoursByMinute.set(minute, [...(hoursByMinute.get(minute) ?? []), Math.floor(time / 60)]);
  }
  const byHours = new Map<string, { hour: number[]; minute: number[] }>();
  for (const [minute, hours] of [...hoursByMinute].sort(([a], [b]) => a - b)) {
    const hour = [...hours].sort((a, b) => a - b);
    const found = byHours.get(hour.join());
    if (found === undefined) byHours.set(hour.join(), { hour, minute: [minute] });
    else found.minute.push(minute);
  }
  return { ...common, calendars: [...byHours.values()] };
}
