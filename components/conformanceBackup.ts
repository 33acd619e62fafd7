import { compareKeys } from '../contracts/compareKeys.ts';
import type { Change, Entry } from '../contracts/entry.ts';
import { isBelow } from '../contracts/isBelow.ts';
import { bytesOf, expectEqual, expectFailure, expectSameEntries, plannedChanges, putsOf, without, type ConformanceScene, type SourceCase } from './conformanceScene.ts';

/** A handle may take seconds, never minutes. */
const HANDLE_MS = 10_000;
const MOST_WARNINGS = 10_000;
const LARGEST_DESCRIPTION = 4 * 1024 * 1024;

/** What is promised of handles, planning and reading. */
export const backupCases: readonly SourceCase[] = [
  {
    name: 'a handle is taken quickly, found again, listed, and dropped twice',
    async run(scene) {
      const { selection } = scene.fixture;
      const session = await scene.connect();
      const name = 'mrs-backup.conformance-a';
      const start = performance.now();
      const first = await session.takeHandle(name, selection);
      const took = performance.now() - start;
      if (took > HANDLE_MS) throw new Error(`taking it needed ${Math.round(took)} ms`);
      expectEqual(first.name, name, 'its name');
      const again = await (await scene.connect()).takeHandle(name, selection);
      expectEqual({ name: again.name, data: again.data }, { name, data: first.data }, 'taken again');
      // A handle that is found claims no later moment than it holds. A second is what two clocks may differ here.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const later = await (await scene.connect()).takeHandle(name, selection);
      if (Date.parse(later.takenAt) > Date.parse(first.takenAt) + 1000) throw new Error(`taken at ${first.takenAt}, but found again as of ${later.takenAt}`);
      if (!(await session.listHandles(selection)).includes(name)) throw new Error('it is not listed');
      await session.dropHandle(name, selection);
      await (await scene.connect('restart')).dropHandle(name, selection);
      if ((await session.listHandles(selection)).includes(name)) throw new Error('it is listed after it was dropped');
      return `${Math.round(took)} ms`;
    },
  },
  {
    name: 'a listing is ordered, without duplicates, and the same twice',
    async run(scene) {
      const { handle } = await scene.set();
      const session = await scene.connect();
      const { changes, report } = await plannedChanges(session, handle, scene.fixture.selection);
      expectEqual(report.kind, 'full', 'the report');
      const entries = putsOf(changes);
      if (entries.length === 0) throw new Error('there is nothing in it');
      entries.forEach(({ key }, i) => {
        const before = entries[i - 1]?.key;
        if (before !== undefined && compareKeys(before, key) >= 0) throw new Error(`${key} after ${before}`);
      });
      expectSameEntries(putsOf((await plannedChanges(session, handle, scene.fixture.selection)).changes), entries, 'listed again');
      expectSameEntries(putsOf((await plannedChanges(await scene.connect('restart'), handle, scene.fixture.selection)).changes), entries, 'listed by a worker that was started again');
      return `${entries.length} entries`;
    },
  },
  {
    name: 'reading gives exactly the listed bytes, ranges are their slices, also after a restart',
    async run(scene) {
      const { handle, entries, content } = await scene.set();
      const session = await scene.connect('restart');
      for (const entry of entries) {
        const whole = content.get(entry.key);
        if (whole === undefined) continue;
        if (whole.length !== entry.length) throw new Error(`${entry.key}: ${whole.length} bytes, ${entry.length} were listed`);
        if (!(await bytesOf(session.read(handle, entry, 0, entry.length))).equals(whole)) throw new Error(`${entry.key}: other bytes when it is read again`);
        const half = entry.length >> 1;
        for (const [offset, length] of [[0, 1], [half, entry.length - half], [entry.length - 1, 1], [1, half], [entry.length, 0]] as const) {
          if (offset < 0 || length < 0 || offset + length > entry.length) continue;
          const part = await bytesOf(session.read(handle, entry, offset, length));
          if (!part.equals(whole.subarray(offset, offset + length))) throw new Error(`${entry.key}: other bytes for ${length} from ${offset}`);
        }
      }
      return `${content.size} files`;
    },
  },
  {
    name: 'what is written after the handle is not in it, nor in an increment before it',
    async run(scene) {
      const { fixture } = scene;
      const { handle: parent, entries, content } = await scene.set();
      const session = await scene.connect();
      const before = await session.takeHandle('mrs-backup.conformance-b', fixture.selection);
      await fixture.change('original');
      const { changes } = await plannedChanges(session, before, fixture.selection);
      const bare = (list: readonly Entry[]): Entry[] => list.filter((entry) => entry.type !== 'file' || session.comparable(entry) !== 'nothing').map((entry) => (entry.type === 'directory' ? without(entry, fixture.touchedByHandle) : entry));
      const parentEntries = putsOf((await plannedChanges(session, parent, fixture.selection)).changes);
      expectSameEntries(bare(putsOf(changes)), bare(parentEntries), 'in the handle');
      for (const entry of putsOf(changes)) {
        if (entry.type !== 'file' || session.comparable(entry) !== 'content') continue;
        if (!(await bytesOf(session.read(before, entry, 0, entry.length))).equals(content.get(entry.key)!)) throw new Error(`${entry.key} has bytes of a later time`);
      }
      await session.dropHandle(before.name, fixture.selection);
      return `${entries.length} entries`;
    },
  },
  {
    name: 'an increment applied to the old listing equals the full one',
    async run(scene) {
      const { fixture } = scene;
      const { handle: parent } = await scene.set();
      const session = await scene.connect();
      await fixture.change('original');
      const now = await session.takeHandle('mrs-backup.conformance-c', fixture.selection);
      const { changes, report } = await plannedChanges(session, now, fixture.selection, { handle: parent, openBefore: [] });
      expectEqual(report.kind, fixture.incremental ? 'incremental' : 'full', `the report (${report.fellBack ?? 'no reason'})`);
      const full = putsOf((await plannedChanges(session, now, fixture.selection)).changes);
      const old = putsOf((await plannedChanges(session, parent, fixture.selection)).changes);
      const applied = report.kind === 'full' && changes.every(({ op }) => op === 'put') ? putsOf(changes) : await apply(scene, old, changes, parent, now);
      expectSameEntries(applied, full, 'old listing and increment');
      await session.dropHandle(now.name, fixture.selection);
      return `${report.kind}: ${changes.length} changes for ${full.length} entries`;
    },
  },
  {
    name: 'a handle that was removed is named as lost, and can be taken anew',
    async run(scene) {
      const { fixture } = scene;
      const session = await scene.connect();
      const handle = await session.takeHandle('mrs-backup.conformance-d', fixture.selection);
      await fixture.loseHandle(handle);
      await expectFailure(plannedChanges(session, handle, fixture.selection), 'E_HANDLE_LOST', 'planning with a lost handle');
      const again = await session.takeHandle(handle.name, fixture.selection);
      if (putsOf((await plannedChanges(session, again, fixture.selection)).changes).length === 0) throw new Error('the handle that was taken anew is empty');
      await session.dropHandle(handle.name, fixture.selection);
    },
  },
  {
    name: 'the description is bounded, and dropping a handle leaves nothing temporary',
    async run(scene) {
      const { fixture } = scene;
      const session = await scene.connect();
      const handle = await session.takeHandle('mrs-backup.conformance-e', fixture.selection);
      await plannedChanges(session, handle, fixture.selection);
      const description = await session.describe(handle, fixture.selection);
      if (description.version === '') throw new Error('it does not name a version');
      if (description.warnings.length > MOST_WARNINGS) throw new Error(`${description.warnings.length} warnings`);
      const size = JSON.stringify(description).length;
      if (size > LARGEST_DESCRIPTION) throw new Error(`${size} characters`);
      expectEqual(JSON.parse(JSON.stringify(description)), description, 'through JSON');
      await session.dropHandle(handle.name, fixture.selection);
      expectEqual(await fixture.leftovers(handle), [], 'left after the handle was dropped');
      return `${size} characters, ${description.warnings.length} warnings`;
    },
  },
];

/** What a set holds after these changes; a reference to the parent must have the parent's bytes. */
async function apply(scene: ConformanceScene, old: readonly Entry[], changes: readonly Change[], parent: { readonly name: string }, now: Parameters<typeof plannedChanges>[1]): Promise<Entry[]> {
  const session = await scene.connect();
  const { handle, content } = await scene.set();
  expectEqual(parent.name, handle.name, 'the parent');
  const before = new Map(old.map((entry) => [entry.key, entry]));
  const entries = new Map(before);
  for (const [i, change] of changes.entries()) {
    const key = change.op === 'put' ? change.entry.key : change.key;
    const last = changes[i - 1];
    if (last !== undefined) {
      const order = compareKeys(last.op === 'put' ? last.entry.key : last.key, key);
      if (order > 0 || (order === 0 && !(last.op === 'remove' && change.op === 'put'))) throw new Error(`${key} is out of order in the increment`);
    }
    if (change.op === 'remove') {
      for (const each of [...entries.keys()]) if (isBelow(each, key)) entries.delete(each);
      continue;
    }
    entries.set(key, change.entry);
    if (change.was === undefined) continue;
    const was = before.get(change.was.key);
    if (was === undefined) throw new Error(`${key} refers to ${change.was.key}, which the parent does not have`);
    const same = change.was.same.every((name) => (name === 'length' ? was.length === change.entry.length : was.attributes[name] === change.entry.attributes[name]));
    if (same && !(await bytesOf(session.read(now, change.entry, 0, change.entry.length))).equals(content.get(was.key)!)) throw new Error(`${key} is said to be unchanged, but has other bytes than ${was.key} had`);
  }
  return [...entries.values()].sort((a, b) => compareKeys(a.key, b.key));
}
