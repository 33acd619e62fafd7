import { Failure } from '../contracts/failure.ts';
import type { RestoreMapping } from '../contracts/restore.ts';
import { backupCases } from './conformanceBackup.ts';
import { ConformanceScene, type SourceCase } from './conformanceScene.ts';
import { restoreCases } from './conformanceRestore.ts';
import type { DataSource, Handle, RestoreTarget, SourceSession } from './dataSource.ts';

/** Two places with data of one source: the original, and where `mapping` sends a restoration. */
export type FixturePlace = 'original' | 'mapped';

/**
 * What the suite needs to know of a source to try it: a service instance nobody else uses, with a little data in it (at most 64 MiB: it is
 * kept in memory), and hands that reach it past the session.
 */
export interface SourceFixture<Selection = unknown> {
  readonly source: Pick<DataSource, 'incomparableAttributes'>;
  readonly instance: string;
  readonly selection: Selection;
  /** Whether an unbroken pair of handles must give an increment. Otherwise planning with a parent must report `full`. */
  readonly incremental: boolean;
  /** Attributes of directories that taking a handle changes by itself. */
  readonly touchedByHandle: readonly string[];
  /** Sends a restoration to the place `mapped`. */
  readonly mapping: RestoreMapping;
  /** Another session of the same worker process. */
  connect(): Promise<SourceSession<Selection>>;
  /** The session of a worker that was started again: same configuration and disk, nothing remembered. */
  restart(): Promise<SourceSession<Selection>>;
  /** Changes data at a place: something new, something gone, something other. The same call again changes it further. */
  change(place: FixturePlace): Promise<void>;
  /** All there is at a place, as text; the same exactly when nothing changed. */
  fingerprint(place: FixturePlace): Promise<string>;
  /** Removes the point in time behind the session's back, as an administrator or a restart of the server would. */
  loseHandle(handle: Handle): Promise<void>;
  /** Temporary things of this handle or restoration that exist, in words; safety points and restored things are none. */
  leftovers(of: Pick<Handle | RestoreTarget, 'name'>): Promise<readonly string[]>;
}

/** The answer of one case. */
export interface SourceCaseResult {
  readonly name: string;
  readonly status: 'passed' | 'failed';
  /** Why it failed; for a passed case what was seen, or ''. */
  readonly reason: string;
  readonly seconds: number;
}

const allCases: readonly SourceCase[] = [...backupCases, ...restoreCases];

/**
 * Checks that a data source keeps every promise of `SourceSession`, one result per case, in the order a backup and its restoration use them.
 * Restored things of the cases stay at the fixture's instance, which is thrown away.
 * @throws the reason of `signal`, between two cases
 */
export async function* checkSource<Selection>(fixture: SourceFixture<Selection>, signal?: AbortSignal): AsyncGenerator<SourceCaseResult> {
  await using scene = new ConformanceScene(fixture as SourceFixture);
  for (const { name, run } of allCases) {
    signal?.throwIfAborted();
    const start = performance.now();
    let result: Pick<SourceCaseResult, 'status' | 'reason'>;
    try {
      result = { status: 'passed', reason: (await run(scene)) ?? '' };
    } catch (error) {
      result = { status: 'failed', reason: error instanceof Failure ? `${error.code}: ${error.message}` : error instanceof Error ? error.message : String(error) };
    }
    yield { name, ...result, seconds: (performance.now() - start) / 1000 };
  }
}
