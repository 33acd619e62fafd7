import type { Change, Entry, Json } from '../contracts/entry.ts';
import type { FailureCode } from '../contracts/failures.ts';
import { Failure } from '../contracts/failure.ts';
import type { SourceFixture } from './conformance.ts';
import type { Handle, PlanReport, RestoreTarget, SourceDescription, SourceSession } from './dataSource.ts';

/** One promise of `SourceSession`. Throws when it is not kept; may return what was seen. */
export interface SourceCase {
  readonly name: string;
  run(scene: ConformanceScene): Promise<string | void>;
}

/** A backup as far as a source is concerned. */
export interface MemorySet {
  readonly handle: Handle;
  readonly entries: readonly Entry[];
  readonly content: ReadonlyMap<string, Buffer>;
  readonly description: SourceDescription;
}

/** Samples are kept in memory. */
const LARGEST_SAMPLE_BYTES = 64 * 1024 * 1024;

/** What the cases share: sessions that are closed at the end, and one backup that is made when it is first needed. */
export class ConformanceScene implements AsyncDisposable {
  readonly fixture: SourceFixture;
  readonly #sessions: SourceSession[] = [];
  #set: Promise<MemorySet> | undefined;

  constructor(fixture: SourceFixture) {
    this.fixture = fixture;
  }

  async connect(how: 'connect' | 'restart' = 'connect'): Promise<SourceSession> {
    const session = await this.fixture[how]();
    this.#sessions.push(session);
    return session;
  }

  /** The backup that is restored by the cases. Its handle stays until the scene ends. */
  set(): Promise<MemorySet> {
    return (this.#set ??= this.#backup());
  }

  async #backup(): Promise<MemorySet> {
    const session = await this.connect();
    const handle = await session.takeHandle('mrs-backup.conformance-set', this.fixture.selection);
    const { changes } = await plannedChanges(session, handle, this.fixture.selection);
    const entries: Entry[] = [];
    const content = new Map<string, Buffer>();
    let bytes = 0;
    for (const change of changes) {
      if (change.op !== 'put') continue;
      const entry = await session.complete(handle, change.entry);
      entries.push(entry);
      if (entry.type !== 'file' || entry.gap !== undefined) continue;
      if ((bytes += entry.length) > LARGEST_SAMPLE_BYTES) throw new Error(`the sample is larger than ${LARGEST_SAMPLE_BYTES} bytes`);
      content.set(entry.key, await bytesOf(session.read(handle, entry, 0, entry.length)));
    }
    return { handle, entries, content, description: await session.describe(handle, this.fixture.selection) };
  }

  target(set: MemorySet, name: string, more: Partial<RestoreTarget> = {}): RestoreTarget {
    return {
      name, mode: 'beside', existing: 'fail', mapping: { instances: {}, paths: [], databases: {}, owners: {} }, fromInstance: this.fixture.instance,
      description: set.description, selection: this.fixture.selection as Json, only: [], ...more,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const set = await this.#set?.catch(() => undefined);
    if (set !== undefined) await (await this.connect()).dropHandle(set.handle.name, this.fixture.selection).catch(() => undefined);
    for (const session of this.#sessions) await session[Symbol.asyncDispose]();
  }
}

/** Everything `plan` yields, with the report, which must have come first. */
export async function plannedChanges(session: SourceSession, handle: Handle, selection: unknown, since?: { readonly handle: Handle; readonly openBefore: readonly string[] }): Promise<{ readonly changes: readonly Change[]; readonly report: PlanReport }> {
  const changes: Change[] = [];
  let report: PlanReport | undefined;
  for await (const change of session.plan(handle, selection, since, (said) => void (report = said))) {
    if (report === undefined) throw new Error('a change came before the report');
    changes.push(change);
  }
  if (report === undefined) throw new Error('planning reported nothing');
  return { changes, report };
}

/** Entries of a listing from nothing. */
export function putsOf(changes: readonly Change[]): Entry[] {
  return changes.map((change) => {
    if (change.op !== 'put') throw new Error(`a full listing removes ${change.key}`);
    return change.entry;
  });
}

export async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

/** Text of a value that is the same whatever the order of names; absent, null and empty are one. */
export function canonical(value: unknown): string {
  if (value === undefined || value === null) return 'none';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  const parts = Object.entries(value).filter(([, each]) => canonical(each) !== 'none').sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => `${name}:${canonical(each)}`);
  return parts.length === 0 ? 'none' : `{${parts.join(',')}}`;
}

/** An entry without attributes that may differ. */
export function without(entry: Entry, names: readonly string[]): Entry {
  return { ...entry, attributes: Object.fromEntries(Object.entries(entry.attributes).filter(([name]) => !names.includes(name))) };
}

/** Throws with the first difference of two lists of entries. */
export function expectSameEntries(is: readonly Entry[], should: readonly Entry[], what: string): void {
  for (let i = 0; i < Math.max(is.length, should.length); i++) {
    if (canonical(is[i]) !== canonical(should[i])) throw new Error(`${what}: ${canonical(is[i])} instead of ${canonical(should[i])}`);
  }
}

/** Throws unless two things are the same. */
export function expectEqual(is: unknown, should: unknown, what: string): void {
  const [a, b] = [canonical(is), canonical(should)];
  if (a === b) return;
  let at = 0;
  while (a[at] === b[at]) at++;
  const around = (text: string): string => `${at > 200 ? '…' : ''}${text.slice(Math.max(0, at - 200), at + 200)}`;
  throw new Error(`${what}: ${around(a)} instead of ${around(b)}`);
}

/** Throws unless it fails with this code. */
export async function expectFailure(promise: Promise<unknown>, code: FailureCode, what: string): Promise<void> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Failure && error.code === code) return;
    throw error;
  }
  throw new Error(`not refused: ${what}`);
}
