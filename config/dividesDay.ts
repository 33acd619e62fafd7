const minuteMs = 60_000;
const dayMs = 86_400_000;

/** Whether an interval in milliseconds comes at the same minutes of every day. */
export function dividesDay(everyMs: number): boolean {
  return everyMs <= dayMs && dayMs % everyMs === 0 && everyMs % minuteMs === 0;
}
