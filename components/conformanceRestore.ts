import { bytesOf, canonical, expectEqual, expectFailure, without, type ConformanceScene, type MemorySet, type SourceCase } from './conformanceScene.ts';
import type { RestoreTarget, SourceSession } from './dataSource.ts';

/** What is promised of restoring. */
export const restoreCases: readonly SourceCase[] = [
  {
    name: 'planning a restoration changes nothing',
    async run(scene) {
      const { fixture } = scene;
      const set = await scene.set();
      const session = await scene.connect();
      const before = await fixture.fingerprint('original');
      for (const mode of ['beside', 'inPlace', 'mirror'] as const) {
        const target = scene.target(set, 'cplan', { mode });
        const plan = await session.planRestore(target, totalsOf(set));
        if (plan.steps.length === 0) throw new Error(`the plan ${mode} has no steps`);
        expectEqual(await fixture.leftovers(target), [], `made by planning ${mode}`);
      }
      expectEqual(await fixture.fingerprint('original'), before, 'after planning');
    },
  },
  {
    name: 'restored beside it equals the set, every step repeated, and the way back removes it',
    async run(scene) {
      const { fixture } = scene;
      const set = await scene.set();
      const session = await scene.connect();
      const before = await fixture.fingerprint('original');
      const target = scene.target(set, 'cbeside');
      expectEqual((await session.planRestore(target, totalsOf(set))).conflicts, [], 'conflicts');
      await restore(session, set, target);
      const compared = await compare(scene, session, set, target);
      // A worker that died after the last step finds everything done.
      const other = await scene.connect('restart');
      await restore(other, set, target);
      await compare(scene, other, set, target);
      expectEqual(await fixture.fingerprint('original'), before, 'the original after restoring beside it');
      await other.rollbackRestore(target);
      await session.rollbackRestore(target);
      const gone = await scene.connect('restart');
      const file = set.entries.find((entry) => entry.type === 'file' && gone.comparable(entry) !== 'nothing');
      if (file !== undefined && (await gone.statRestored(target, file)) !== undefined) throw new Error(`${file.key} is there after the way back`);
      await gone.rollbackRestore(target);
      expectEqual(await fixture.leftovers(target), [], 'left after the way back');
      return `${compared} compared`;
    },
  },
  {
    name: 'an entry whose bytes fail on the way does not appear, and comes with the next try',
    async run(scene) {
      const set = await scene.set();
      const session = await scene.connect();
      const target = scene.target(set, 'cbroken');
      await session.beginRestore(target);
      const entry = set.entries.find((each) => (set.content.get(each.key)?.length ?? 0) > 1);
      if (entry === undefined) throw new Error('the sample has no file');
      const whole = set.content.get(entry.key)!;
      for (const each of set.entries) if (each.type === 'directory') await session.writeEntry(target, each, nothing());
      for (const broken of [async function* () { yield whole.subarray(0, 1); throw new Error('damaged on the way'); }, async function* () { yield whole.subarray(1); }]) {
        const error = await session.writeEntry(target, entry, broken()).then(() => undefined, (cause: unknown) => cause);
        if (error === undefined) throw new Error(`${entry.key} was written although its bytes were not whole`);
        if (await session.isRestored(target, entry)) throw new Error(`${entry.key} is said to be there after it failed`);
      }
      await session.writeEntry(target, entry, one(whole));
      if (!(await session.isRestored(target, entry))) throw new Error(`${entry.key} is not said to be there after it was written`);
      expectEqual(await session.isUnfinished(target), true, 'unfinished before the way back');
      await session.rollbackRestore(target);
      expectEqual(await session.isUnfinished(target), false, 'unfinished after the way back');
      expectEqual(await scene.fixture.leftovers(target), [], 'left after the way back');
    },
  },
  {
    name: 'in place nothing changes before the commit, committing twice is one, and the way back is whole',
    async run(scene) {
      const { fixture } = scene;
      const set = await scene.set();
      await fixture.change('original');
      const before = await fixture.fingerprint('original');
      const session = await scene.connect();
      const target = scene.target(set, 'cplace', { mode: 'inPlace' });
      expectEqual((await session.planRestore(target, totalsOf(set))).conflicts, [], 'conflicts');
      await restore(session, set, target);
      await compare(scene, session, set, target);
      expectEqual(await fixture.fingerprint('original'), before, 'the original before the commit');
      const { safetyPoint } = await session.commitRestore(target);
      if (safetyPoint === undefined) throw new Error('what was there is not kept');
      expectEqual((await (await scene.connect('restart')).commitRestore(target)).safetyPoint, safetyPoint, 'committed again');
      const compared = await compare(scene, await scene.connect('restart'), set, target);
      if ((await fixture.fingerprint('original')) === before) throw new Error('the commit changed nothing');
      await session.rollbackRestore(target);
      await (await scene.connect('restart')).rollbackRestore(target);
      expectEqual(await fixture.fingerprint('original'), before, 'after the way back');
      expectEqual(await fixture.leftovers(target), [], 'left after the way back');
      return `${compared} compared`;
    },
  },
  {
    name: 'a target that exists is refused, kept or replaced, as the policy says',
    async run(scene) {
      const { fixture } = scene;
      const set = await scene.set();
      const session = await scene.connect();
      const target = (name: string, existing: RestoreTarget['existing']): RestoreTarget => scene.target(set, name, { existing, mapping: fixture.mapping });
      const first = target('cfirst', 'fail');
      await restore(session, set, first);
      expectEqual(await session.isUnfinished(first), true, 'unfinished before the release');
      await session.releaseRestore(first);
      expectEqual(await session.isUnfinished(first), false, 'unfinished after the release');
      expectEqual(await fixture.leftovers(first), [], 'left after the release');
      await fixture.change('mapped');
      const there = await fixture.fingerprint('mapped');

      const refused = target('cfail', 'fail');
      if ((await session.planRestore(refused, totalsOf(set))).conflicts.length === 0) throw new Error('the plan names no conflict');
      await expectFailure(session.beginRestore(refused), 'E_TARGET_EXISTS', 'restoring onto something under policy fail');
      await session.rollbackRestore(refused);
      expectEqual(await fixture.fingerprint('mapped'), there, 'what was there, after the refusal');
      expectEqual(await fixture.leftovers(refused), [], 'left after the refusal');

      const forced = target('cforce', 'force');
      expectEqual((await session.planRestore(forced, totalsOf(set))).conflicts, [], 'conflicts under policy force');
      await restore(session, set, forced);
      const compared = await compare(scene, session, set, forced);
      await session.releaseRestore(forced);
      await session.releaseRestore(forced);
      expectEqual(await fixture.leftovers(forced), [], 'left after the release');

      const kept = await fixture.fingerprint('mapped');
      const skipped = target('cskip', 'skip');
      expectEqual((await session.planRestore(skipped, totalsOf(set))).conflicts, [], 'conflicts under policy skip');
      await restore(session, set, skipped, false);
      await session.releaseRestore(skipped);
      expectEqual(await fixture.fingerprint('mapped'), kept, 'what was there, after policy skip');
      return `${compared} compared`;
    },
  },
];

function totalsOf(set: MemorySet): { readonly entries: number; readonly bytes: number } {
  return { entries: set.entries.length, bytes: set.entries.reduce((sum, entry) => sum + entry.length, 0) };
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** As a run does it: entries of one call run concurrently. All end before the first error is thrown. */
async function atOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += 16) {
    for (const result of await Promise.allSettled(items.slice(i, i + 16).map(work))) if (result.status === 'rejected') throw result.reason;
  }
}

/** Every step as a run does it, each twice. */
async function restore(session: SourceSession, set: MemorySet, target: RestoreTarget, rewrites = true): Promise<void> {
  const entries = set.entries.filter((entry) => entry.gap === undefined);
  const directories = entries.filter((entry) => entry.type === 'directory');
  for (let round = 0; round < 2; round++) {
    await session.beginRestore(target);
    for (const entry of directories) await session.writeEntry(target, entry, nothing());
    await atOnce(entries.filter((entry) => entry.type !== 'directory'), async (entry) => {
      if ((await session.isRestored(target, entry)) && !rewrites) return;
      await session.writeEntry(target, entry, one(set.content.get(entry.key) ?? new Uint8Array()));
      if (rewrites && !(await session.isRestored(target, entry))) throw new Error(`${entry.key} is not said to be there after it was written`);
    });
    for (const entry of directories.toReversed()) await session.settleDirectory(target, entry);
    await session.finishRestore(target, () => undefined);
  }
}

/** How many entries are at the target as they are in the set. Throws at the first that is not. */
async function compare(scene: ConformanceScene, session: SourceSession, set: MemorySet, target: RestoreTarget): Promise<number> {
  const { incomparableAttributes } = scene.fixture.source;
  let compared = 0;
  await atOnce(set.entries, async (entry) => {
    const comparable = session.comparable(entry);
    if (entry.gap !== undefined || (entry.type === 'file' && comparable === 'nothing')) return;
    const there = await session.statRestored(target, entry);
    if (there === undefined) throw new Error(`${entry.key} is not at the target`);
    const [is, should] = [without(there, incomparableAttributes), without(entry, incomparableAttributes)];
    if (canonical(is) !== canonical(should)) throw new Error(`restored ${canonical(is)} instead of ${canonical(should)}`);
    if (entry.type === 'file' && comparable === 'content' && !(await bytesOf(session.readRestored(target, entry))).equals(set.content.get(entry.key)!)) throw new Error(`${entry.key} has other bytes at the target`);
    compared++;
  });
  if (compared === 0) throw new Error('nothing could be compared');
  return compared;
}
