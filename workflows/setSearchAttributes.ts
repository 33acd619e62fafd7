import { upsertSearchAttributes } from '@temporalio/workflow';
import { searchAttributes } from '../contracts/names.ts';

type Name = keyof typeof searchAttributes;

/** Sets search attributes of this workflow; `undefined` leaves one as it is. Times as ISO 8601. */
export function setSearchAttributes(values: Partial<Record<Name, string | number | readonly string[]>>): void {
  const pairs = (Object.entries(values) as [Name, string | number | readonly string[]][]).map(([name, value]) => ({
    key: { name, type: searchAttributes[name] },
    value: searchAttributes[name] === 'DATETIME' ? new Date(value as string) : value,
  }));
  upsertSearchAttributes(pairs as Exclude<Parameters<typeof upsertSearchAttributes>[0], Record<string, unknown>>);
}
