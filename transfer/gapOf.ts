import type { Entry } from '../contracts/entry.ts';
import { Failure } from '../contracts/failure.ts';
import { unreadGap } from './unreadGap.ts';

/** One entry that the source cannot give is a gap of the set, named in the report; it does not take the run with it. @throws the error when it concerns more than the entry */
export function gapOf(entry: Entry, error: unknown): Entry {
  const oneOnly = error instanceof Failure && (error.code === 'E_SOURCE_DENIED' || error.code === 'E_CORRUPT' || error.code === 'E_SOURCE_PATH');
  if (!oneOnly) throw error;
  return { ...entry, gap: `${unreadGap}${error.message}` };
}
