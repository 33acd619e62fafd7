const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const fields = [
  { from: 0, to: 59, names: [] }, { from: 0, to: 23, names: [] }, { from: 1, to: 31, names: [] }, { from: 1, to: 12, names: months }, { from: 0, to: 7, names: weekdays },
] as const;

/** Whether the engine takes a cron expression: five fields (minute hour day month weekday) of `*`, numbers, names, ranges, lists and steps. */
export function isCron(text: string): boolean {
  const parts = text.trim().split(/\s+/);
  return parts.length === fields.length && fields.every((field, i) => parts[i]!.split(',').every((part) => isPart(part, field)));
}

function isPart(part: string, field: (typeof fields)[number]): boolean {
  const found = /^(?:\*|([^-/]+)(?:-([^-/]+))?)(?:\/(\d+))?$/.exec(part);
  if (found === null || found[3] === '0') return false;
  const from = found[1] === undefined ? field.from : valueOf(found[1], field);
  const to = found[2] === undefined ? from : valueOf(found[2], field);
  return from !== undefined && to !== undefined && from <= to;
}

/** A number within the field's borders, or that of a name; months count from 1, weekdays from 0. */
function valueOf(word: string, { from, to, names }: (typeof fields)[number]): number | undefined {
  const name = (names as readonly string[]).indexOf(word.toLowerCase());
  const value = name >= 0 ? name + from : /^\d+$/.test(word) ? Number(word) : undefined;
  return value !== undefined && value >= from && value <= to ? value : undefined;
}
