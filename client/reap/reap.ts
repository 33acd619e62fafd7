import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../config/config.ts';
import { Failure } from '../../contracts/failure.ts';
import type { Engine } from '../engine.ts';
import { destinationLeftovers } from './destinationLeftovers.ts';
import { handleLeftovers, keptHandles } from './handleLeftovers.ts';
import type { Candidate, Leftover, ReapFailure } from './leftover.ts';
import { livingRuns } from './livingRuns.ts';
import { openReapContext, type ReapContext } from './reapContext.ts';
import { restorationLeftovers } from './restorationLeftovers.ts';
import { sourceInstances, type SourceInstance } from './sourceInstances.ts';

export interface ReapReport {
  readonly dryRun: boolean;
  readonly found: readonly Leftover[];
  readonly removed: readonly Leftover[];
  /** What could not be looked at or removed, as of the last look. */
  readonly failed: readonly ReapFailure[];
}

export interface ReapOptions {
  readonly dryRun: boolean;
  /** Where the worker of this machine keeps its scratch files. */
  readonly stateFolder: string;
  readonly signal: AbortSignal;
}

/** A run that has just begun is not in the engine's list yet. */
const listLagMs = 2_000;
/** A worker learns that its run was terminated with its next beat, and may store something until then: it is looked again. */
const mostRounds = 4;

/**
 * Finds what dead runs left at sources and destinations of the configuration, and removes it. Never what belongs to a run that goes on, nor
 * the handles that next increments start from.
 * @throws Failure E_ENGINE_UNREACHABLE: without the engine nobody knows who lives
 */
export async function reap(engine: Engine, config: Config, { dryRun, stateFolder, signal }: ReapOptions): Promise<ReapReport> {
  const found = new Map<string, Leftover>();
  const removed = new Map<string, Leftover>();
  for (let round = 1; ; round++) {
    await using context = await openReapContext(config, stateFolder, signal);
    const dead = await deadLeftovers(engine, context, signal);
    for (const { leftover } of dead) found.set(keyOf(leftover), leftover);
    if (!dryRun) {
      for (const { leftover, remove } of dead) {
        signal.throwIfAborted();
        if (await context.tried(leftover.where, leftover.name, async () => { await remove(signal); return true; })) removed.set(keyOf(leftover), leftover);
      }
    }
    if (dryRun || dead.length === 0 || round === mostRounds) return { dryRun, found: [...found.values()], removed: [...removed.values()], failed: context.failed };
  }
}

/** What is found is older than the question who lives, so that nobody is taken for dead who has just begun. */
async function deadLeftovers(engine: Engine, context: ReapContext, signal: AbortSignal): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const opened of context.repositories) {
    candidates.push(...(await restorationLeftovers(context, opened)));
    candidates.push(...((await context.tried(opened.destination, null, () => destinationLeftovers(context.config, opened.destination, opened.repository))) ?? []));
  }
  const handles: { readonly of: SourceInstance; readonly candidates: readonly Candidate[] }[] = [];
  for (const of of sourceInstances(context.config)) {
    const mine = await context.tried(of.name, null, () => handleLeftovers(context, of));
    if (mine !== undefined && mine.length > 0) handles.push({ of, candidates: mine });
  }
  if (candidates.length + handles.length > 0) await sleep(listLagMs, undefined, { signal });
  const living = await livingRuns(engine);
  const dead: Candidate[] = [];
  for (const each of candidates) if (!(await living.has(each))) dead.push(each);
  for (const { of, candidates: mine } of handles) {
    const orphaned: Candidate[] = [];
    for (const each of mine) if (!(await living.has(each))) orphaned.push(each);
    if (orphaned.length === 0) continue;
    // Asked last: a run that sealed its set before it was found closed has left its handle to the next increment.
    const needed = await context.tried(of.name, null, () => neededHandles(context, of));
    if (needed !== undefined) dead.push(...orphaned.filter((each) => !needed.has(each.leftover.name)));
  }
  return dead;
}

/** @throws Failure when a destination does not answer: the newest set there may need any of them */
async function neededHandles({ repositories, silent }: ReapContext, of: SourceInstance): Promise<ReadonlySet<string>> {
  if (silent.length > 0 && of.source.chunking === 'fixed') {
    throw new Failure('E_DESTINATION_UNREACHABLE', `handles of ${of.name} are left alone: sets at ${silent.join(', ')}, which cannot be read, may need them`, { hint: 'make the destination answer, or take it out of the configuration' });
  }
  return new Set((await keptHandles(repositories, of)).map((each) => each.name));
}

function keyOf({ kind, where, name }: Leftover): string {
  return JSON.stringify([kind, where, name]);
}
