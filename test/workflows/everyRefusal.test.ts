import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HarmedSteps, workflowTypes, type HarmDone, type Step, type WorkflowType } from './harmedSteps.ts';

/** Much of a run is waiting for an engine: several engines, each with runs of its own, wait at the same time. */
const engines = 4;
let lanes: HarmedSteps[] = [];
const calls = new Map<WorkflowType, readonly Step[]>();
// The engine that skips time loses its way when a run is cancelled.
beforeAll(async () => {
  lanes = await Promise.all(Array.from({ length: engines }, () => HarmedSteps.open('real')));
  for (const type of workflowTypes) calls.set(type, await lanes[0]!.callsOf(type));
});
afterAll(async () => { await Promise.all(lanes.map((lane) => lane[Symbol.asyncDispose]())); });

/** The last call of each step is refused, refused after its effect, or cancelled; of a backup also the first is refused, when less is there to undo. */
function casesOf(type: WorkflowType): HarmDone[] {
  const made = calls.get(type)!;
  // Inside a mirror is a restoration, whose steps are looked at there.
  const own = type === 'mirror' ? made.filter((step) => !calls.get('restore')!.includes(step)) : made;
  return [...new Set(own)].flatMap((step): HarmDone[] => {
    const last = made.filter((each) => each === step).length;
    const refused = [...new Set(type === 'backup' ? [1, last] : [last])].map((call) => ({ step, call, how: 'is refused' as const }));
    return [...refused, { step, call: last, how: 'does its effect and is refused then' }, { step, call: last, how: 'does its effect while the run is cancelled' }];
  });
}

it('knows every activity there is from one workflow or another', () => {
  const gone = new Set([...calls.values()].flat());
  // The way back is gone where a step is refused.
  expect(lanes[0]!.all.filter((step) => !gone.has(step))).toEqual(['rollbackRestore']);
});

describe.each(workflowTypes)('%s', (type) => {
  it('ends right, or with everything undone, whatever step is refused or cancelled', async () => {
    const problems: string[] = [];
    const waiting = casesOf(type);
    await Promise.all(lanes.map(async (lane) => {
      for (let harm = waiting.shift(); harm !== undefined; harm = waiting.shift()) problems.push(...(await lane.problemsOf(type, harm)));
    }));
    expect(problems).toEqual([]);
  }, 300_000);
});
