import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Handle } from '../../components/dataSource.ts';
import type { HdfsSelection } from '../../components/hdfs/hdfsSchemas.ts';
import { compareKeys } from '../../contracts/compareKeys.ts';
import type { Change, Entry } from '../../contracts/entry.ts';
import { isBelow } from '../../contracts/isBelow.ts';
import { WebHdfsError } from '../../protocols/webhdfs/webHdfsError.ts';
import { bytesOf, keyOf, openHdfsScene, type HdfsScene } from '../hdfs/openHdfsScene.ts';

let scene: HdfsScene;
let client: HdfsScene['client'];
let session: HdfsScene['session'];
let changesOf: HdfsScene['changesOf'];
let listing: HdfsScene['listing'];

beforeAll(async () => {
  scene = await openHdfsScene();
  ({ client, session, changesOf, listing } = scene);
}, 120_000);
afterAll(async () => await scene?.[Symbol.asyncDispose](), 60_000);

/** What a set would hold after these changes; every reference to the parent is checked against the bytes. */
async function apply(old: ReadonlyMap<string, Entry>, before: Handle, now: Handle, changes: readonly Change[]): Promise<{ entries: Map<string, Entry>; reused: string[] }> {
  const entries = new Map(old);
  const reused: string[] = [];
  for (const change of changes) if (change.op === 'remove') for (const key of [...entries.keys()]) if (isBelow(key, change.key)) entries.delete(key);
  for (const change of changes) {
    if (change.op !== 'put') continue;
    entries.set(change.entry.key, change.entry);
    const parent = change.was === undefined ? undefined : old.get(change.was.key);
    if (parent === undefined || !change.was!.same.every((name) => (name === 'length' ? parent.length === change.entry.length : parent.attributes[name] === change.entry.attributes[name]))) continue;
    reused.push(change.entry.key);
    expect(await bytesOf(session.read(before, parent, 0, parent.length))).toEqual(await bytesOf(session.read(now, change.entry, 0, change.entry.length)));
  }
  return { entries, reused };
}

/** Directories in which something was made and removed again have a new time that no diff names. */
function comparableEntries(entries: ReadonlyMap<string, Entry>): Entry[] {
  return [...entries.values()].sort((a, b) => compareKeys(a.key, b.key)).map((entry) => (entry.type === 'directory' ? { ...entry, attributes: { ...entry.attributes, modificationTime: 0 } } : entry));
}

function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

test.each([1, 2, 3])('an increment of random changes gives the same as a full listing (seed %i)', async (seed) => {
  const root = `/random${seed}`;
  const selection: HdfsSelection = { paths: [root], exclude: [`${root}/**/*.skip`] };
  const pick = random(seed);
  const names = ['a', 'a!', 'b', 'é', 'aé', '中', '%2F', 'x+y', '~'];
  await client.mkdirs(root);
  async function change(): Promise<void> {
    const directories: string[] = [];
    const files: string[] = [];
    for (const waiting = [root]; waiting.length > 0;) {
      const path = waiting.pop()!;
      directories.push(path);
      for await (const page of client.listPaged(path)) for (const child of page) (child.type === 'DIRECTORY' ? waiting : files).push(`${path}/${child.pathSuffix}`);
    }
    const directory = directories[pick(directories.length)]!;
    const file = files.length === 0 ? undefined : files[pick(files.length)]!;
    const path = `${directory}/${names[pick(names.length)]!}${pick(8) === 0 ? '.skip' : ''}`;
    const kind = pick(12);
    try {
      if (kind < 4) await client.create(path, [Buffer.from(`content ${pick(1e6)}`)], { overwrite: pick(2) === 0 });
      else if (kind === 4) await client.mkdirs(path);
      else if (kind === 5 && file !== undefined) await client.delete(file);
      else if (kind === 6 && directory !== root && pick(5) === 0) await client.delete(directory, { recursive: true });
      else if (kind === 7 && file !== undefined) await client.rename(file, path, { overwrite: pick(2) === 0 });
      else if (kind === 8 && directory !== root) await client.rename(directory, `${directories[pick(directories.length)]!}/${names[pick(names.length)]!}`);
      else if (kind === 9 && file !== undefined) await client.setPermission(file, ['600', '644', '640'][pick(3)]!);
      else if (kind === 10) await client.setXattr(directory, 'user.x', `0${pick(9)}`);
      else if (file !== undefined) await client.setAcl(file, `user::rw-,user:u${pick(3)}:r--,group::r--,mask::r--,other::---`);
    } catch (error) {
      if (!(error instanceof WebHdfsError) || !['exists', 'notFound', 'invalid'].includes(error.kind)) throw error;
    }
  }
  for (let i = 0; i < 40; i++) await change();
  let before = await session.takeHandle('mrs-backup.0', selection);
  let old = await listing(before, selection);
  for (let round = 1; round <= 5; round++) {
    for (let i = 0; i < 20; i++) await change();
    const now = await session.takeHandle(`mrs-backup.${round}`, selection);
    const { changes, report } = await changesOf(now, selection, { handle: before, openBefore: [] });
    expect(report).toEqual({ kind: 'incremental' });
    const full = await listing(now, selection);
    expect(comparableEntries((await apply(old, before, now, changes)).entries)).toEqual(comparableEntries(full));
    await session.dropHandle(before.name, selection);
    [before, old] = [now, full];
  }
  expect(await session.listHandles(selection)).toEqual(['mrs-backup.5']);
  await session.dropHandle(before.name, selection);
  await session.dropHandle(before.name, selection);
}, 120_000);

test('what only moved or got other attributes is not read again, what changed is', async () => {
  const selection = { paths: ['/moves'] };
  for (const name of ['dir/one', 'mode', 'content', 'rewritten']) await client.create(`/moves/${name}`, [Buffer.from(name)]);
  const before = await session.takeHandle('mrs-backup.m1', selection);
  const old = await listing(before, selection);
  await client.rename('/moves/dir', '/moves/other');
  await client.setPermission('/moves/mode', '600');
  const times = await client.status('/moves/content');
  await client.create('/moves/content', [Buffer.from('CONTENT')], { overwrite: true });
  await client.setTimes('/moves/content', times.modificationTime, undefined);
  await client.delete('/moves/rewritten');
  await client.create('/moves/rewritten', [Buffer.from('rewritten')]);
  const now = await session.takeHandle('mrs-backup.m2', selection);
  const { changes } = await changesOf(now, selection, { handle: before, openBefore: [] });
  expect((await apply(old, before, now, changes)).reused).toEqual(['/moves/mode', '/moves/other/one']);
  expect(changes.filter((change) => change.op === 'remove').map(keyOf)).toContain('/moves/dir');

  const forced = await changesOf(now, selection, { handle: before, openBefore: ['/moves/mode', '/moves/dir/one'] });
  expect((await apply(old, before, now, forced.changes)).reused).toEqual([]);
  expect(forced.changes.map(keyOf)).toEqual(expect.arrayContaining(['/moves/mode', '/moves/other/one']));

  await session.dropHandle(before.name, selection);
  const fallback = await changesOf(now, selection, { handle: before, openBefore: [] });
  expect(fallback.report).toMatchObject({ kind: 'full', fellBack: expect.stringContaining('mrs-backup.m1') });
  expect(fallback.changes[0]).toEqual({ op: 'remove', key: '/moves' });
  expect(fallback.changes.every((change) => change.op === 'remove' || change.entry.type !== 'file' || change.was?.key === change.entry.key)).toBe(true);
  await session.dropHandle(now.name, selection);
}, 60_000);
