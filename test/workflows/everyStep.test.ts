import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { everyday, HarmedSteps, workflowTypes } from './harmedSteps.ts';

let steps: HarmedSteps;
// Trying again costs nothing where time is skipped.
beforeAll(async () => { steps = await HarmedSteps.open('skipping'); });
afterAll(async () => { await steps?.[Symbol.asyncDispose](); });

describe.each(workflowTypes)('%s', (type) => {
  it.each(everyday)('ends as ever although every step %s', async (how) => {
    expect(await steps.problemsOf(type, { how })).toEqual([]);
  });
});
