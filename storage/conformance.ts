import { Failure } from '../contracts/failure.ts';
import type { ConformanceCase, ConformanceScene } from './conformanceChecks.ts';
import { conformancePlace } from './conformancePlace.ts';
import { readingCases } from './conformanceReading.ts';
import { writingCases } from './conformanceWriting.ts';
import { removeTree } from './removeTree.ts';
import type { StorageCapabilities, StorageSession } from './storageDriver.ts';

/** What is checked. Two sizes are usual: quick (64 MiB, 300 objects) and full (64 MiB and 1 GiB, 20,000 objects). */
export interface ConformanceOptions {
  /** Size of the largest object, for the limits and the speed. Default 64 MiB. */
  readonly largeBytes?: number;
  /** How many objects are listed. Default 300. */
  readonly listed?: number;
  /** Where it works; everything below is removed at the end. Default: a `conformancePlace`. */
  readonly prefix?: string;
  /**
   * Nobody else uses the destination: then temporary objects may be swept whatever their age, which would break the writers of a
   * destination in use. Default false.
   */
  readonly exclusive?: boolean;
  readonly signal?: AbortSignal;
}

/** The answer of one case. */
export interface ConformanceResult {
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'unsupported';
  /** Why not passed; for a passed case what was seen, or ''. */
  readonly reason: string;
  readonly seconds: number;
  readonly bytesPerSecond?: number;
}

/** A check that is older was killed. */
const ABANDONED_MS = 60 * 60 * 1000;

/**
 * Checks that a destination keeps every promise of `StorageSession`, one result per case. Works below a prefix of its own, and
 * removes it at the end, also when aborted or left early; leftovers of checks that were killed are removed first.
 * @param open opens a session; called twice, as two readers and writers are needed
 * @throws Failure when the destination cannot be opened, or what was made there not be removed (`details.left`: where it is), and the reason of `signal`
 */
export async function* checkDestination(open: () => Promise<StorageSession>, capabilities: StorageCapabilities, options: ConformanceOptions = {}): AsyncGenerator<ConformanceResult> {
  const { largeBytes = 64 * 1024 * 1024, listed = 300, exclusive = false, signal } = options;
  const prefix = options.prefix ?? conformancePlace().prefix;
  signal?.throwIfAborted();
  await using session = await open();
  await using other = await open();
  const limits = { ...capabilities.limits, ...session.found?.limits };
  const scene: ConformanceScene = { session, other, prefix, largeBytes, listed, exclusive, signal };
  await removeAbandoned(session, signal);
  try {
    for (const each of [...writingCases, ...readingCases]) {
      signal?.throwIfAborted();
      yield await runCase(each, scene, limits);
    }
    yield await runCase({ name: 'leaves nothing behind', run: leaveNothing }, scene, limits);
  } finally {
    // Without the signal: cleaning up is owed also after an abort.
    await removeTree(session, prefix).catch((error: unknown) => {
      throw leftBehind(error, prefix);
    });
  }
}

/** Says that something is left, and where. */
function leftBehind(error: unknown, left: string): unknown {
  if (!(error instanceof Failure)) return error;
  return new Failure(error.code, `what the check made could not be removed: ${error.message}`, { hint: `${error.hint}; the folder ${left} is removed as soon as that can be done within ten minutes, else by a check in an hour`, details: { ...error.details, left }, cause: error });
}

async function runCase(each: ConformanceCase, scene: ConformanceScene, limits: StorageCapabilities['limits']): Promise<ConformanceResult> {
  const { name } = each;
  const limit = limits[name];
  if (limit !== undefined) return { name, status: 'unsupported', reason: limit, seconds: 0 };
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  try {
    const seen = await each.run(scene);
    return { name, status: 'passed', reason: seen?.note ?? '', seconds: seconds(), ...(seen?.bytesPerSecond === undefined ? {} : { bytesPerSecond: seen.bytesPerSecond }) };
  } catch (error) {
    scene.signal?.throwIfAborted();
    if (error instanceof Failure && error.code === 'E_UNSUPPORTED') return { name, status: 'unsupported', reason: error.message, seconds: seconds() };
    const reason = error instanceof Failure ? `${error.code}: ${error.message}` : error instanceof Error ? error.message : String(error);
    return { name, status: 'failed', reason, seconds: seconds() };
  }
}

async function leaveNothing({ session, prefix, signal }: ConformanceScene): Promise<void> {
  await removeTree(session, prefix, signal);
  for await (const { key } of session.list(prefix, signal)) throw new Error(`still there after its removal: ${key}`);
}

async function removeAbandoned(session: StorageSession, signal: AbortSignal | undefined): Promise<void> {
  const abandoned = new Set<string>();
  for await (const { key } of session.list('', signal)) {
    const match = /^(\.conformance-(\d+)-[0-9a-f]+\/)/.exec(key);
    if (match?.[1] !== undefined && Date.now() - Number(match[2]) > ABANDONED_MS) abandoned.add(match[1]);
    // Keys come in order: everything of ours is near the start.
    if (key > '.conformance-~') break;
  }
  for (const prefix of abandoned) await removeTree(session, prefix, signal);
}
