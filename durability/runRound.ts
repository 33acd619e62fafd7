import { setTimeout as sleep } from 'node:timers/promises';
import { DataNodeCounters } from './dataNodeCounters.ts';
import { judgeRound } from './judgeRound.ts';
import { leftovers } from './leftovers.ts';
import type { RoundKind, RoundPlan, Victim } from './planRound.ts';
import { prepareRound, startRound } from './startRound.ts';
import { Storm } from './storm.ts';
import type { StormScene } from './stormScene.ts';
import type { Expected } from './writtenSource.ts';

export interface RoundResult {
  readonly round: number;
  readonly kind: RoundKind;
  readonly killed: readonly Victim[];
  readonly outcome: string;
  /** Bytes of files the run had to read or write, and what DataNodes counted beyond that. */
  readonly bytes: number;
  readonly bytesRedone: number;
  /** Losses, wrong bytes, double counts, in sentences. */
  readonly wrong: readonly string[];
  readonly leftovers: readonly string[];
  readonly seconds: number;
}

/** With every 512 bytes a DataNode gives four of checksum, and counts them. */
const checksumShare = 4 / 512;
/** A run that is still unfinished then has lost its way. */
const mostSeconds = 300;

/** One whole run under its storm, judged. */
export async function runRound(scene: StormScene, plan: RoundPlan, say: (line: string) => void): Promise<RoundResult> {
  const expected = await prepareRound(scene, plan);
  const reads = plan.kind === 'full' || plan.kind === 'incremental';
  const counters = new DataNodeCounters(scene.lab, [plan.kind === 'mirror' ? 'hdfs-b' : 'hdfs-a']);
  await counters.start();
  const beganMs = Date.now();
  const runId = await startRound(scene, plan);
  const storm = new Storm({ lab: scene.lab, product: scene.product, kills: plan.kills, beforeKill: () => counters.sample(), say: (line) => say(`round ${plan.number}: ${line} after ${((Date.now() - beganMs) / 1000).toFixed(1)} s`) });
  const answer = await ended(scene, runId, beganMs).finally(() => storm.end());
  const seconds = (Date.now() - beganMs) / 1000;
  const killed = await storm.end();
  const counted = await counters.stop();
  const bytes = neededBytes(scene, plan, expected);
  const beyond = reads ? counted.read - bytes * (1 + checksumShare) : counted.written - bytes;
  const wrong = await judgeRound(scene, plan, answer, expected);
  return {
    round: plan.number, kind: plan.kind, killed, outcome: answer.outcome, bytes, bytesRedone: Math.max(0, Math.round(beyond)),
    wrong, leftovers: await leftovers(scene), seconds,
  };
}

/** Outcome of a run as `run watch` prints it; of a failed one the code. */
export interface RunAnswer {
  readonly outcome: string;
  readonly document: Readonly<Record<string, unknown>>;
}

/** Follows a run to its end, whatever dies meanwhile. */
async function ended(scene: StormScene, runId: string, beganMs: number): Promise<RunAnswer> {
  for (;;) {
    const left = mostSeconds * 1000 - (Date.now() - beganMs);
    if (left < 0) throw new Error(`${runId} did not end within ${mostSeconds} s`);
    const watching = scene.product.start(['run', 'watch', runId, '--output', 'json', '--quiet']);
    const timer = setTimeout(() => watching.child.kill('SIGTERM'), left);
    const answer = await watching.answer.finally(() => clearTimeout(timer));
    const document = parsed(answer.stdout);
    const code = (document['error'] as { code?: string } | undefined)?.code;
    // Not an end of the run: the engine was away, or the watcher was ended.
    if (code === 'E_ENGINE_UNREACHABLE' || code === 'E_INTERRUPTED' || Object.keys(document).length === 0) {
      await sleep(500);
      continue;
    }
    return { outcome: code ?? String(document['outcome']), document };
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** What the run cannot do without: a full set reads everything, an increment what changed, a restoration writes everything. */
function neededBytes(scene: StormScene, plan: RoundPlan, expected: Expected): number {
  if (plan.kind === 'incremental') return scene.source.changedBytes;
  return [...expected.files.values()].reduce((sum, each) => sum + (each.directory ? 0 : each.length), 0);
}
