import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Handle, RestoreTarget, SourceSession } from '../../components/dataSource.ts';
import { createConnection } from '../../components/hdfs/connection.ts';
import { createHdfsSession } from '../../components/hdfs/hdfsSession.ts';
import { hdfsSource } from '../../components/hdfs/hdfsSource.ts';
import type { HdfsSelection } from '../../components/hdfs/hdfsSchemas.ts';
import { compareKeys } from '../../contracts/compareKeys.ts';
import type { Change, Entry } from '../../contracts/entry.ts';
import { isBelow } from '../../contracts/isBelow.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { createWebHdfs } from '../../protocols/webhdfs/createWebHdfs.ts';
import { FileChecksum } from '../../protocols/webhdfs/fileChecksum.ts';
import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';
import { WebHdfsError } from '../../protocols/webhdfs/webHdfsError.ts';

let folder: string;
let lab: Lab;
let url: string;
let client: WebHdfs;
let session: SourceSession<HdfsSelection>;
const user = process.env['USER'] ?? 'root';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-hdfs-source-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: new URL('../../.tools', import.meta.url).pathname });
  await lab.up(['hdfs-a']);
  url = lab.endpoints('hdfs-a')['webhdfs']!;
  client = createWebHdfs({ urls: [url], user });
  session = await connectAs(user);
}, 120_000);

afterAll(async () => {
  await session?.[Symbol.asyncDispose]();
  await client?.[Symbol.asyncDispose]();
  await lab?.down(['hdfs-a']);
  await rm(folder, { recursive: true, force: true });
}, 60_000);

function connectAs(name: string): Promise<SourceSession<HdfsSelection>> {
  return hdfsSource.connect({ webhdfs: [url], user: name }, { cluster: 'prod', instance: 'hacluster', readSecret: async () => '', scratchFolder: folder, held: new Map() });
}

async function changesOf(handle: Handle, selection: HdfsSelection, since?: { handle: Handle; openBefore: readonly string[] }): Promise<{ changes: Change[]; report: { kind: string; fellBack?: string } }> {
  const changes: Change[] = [];
  let report: { kind: string; fellBack?: string } | undefined;
  for await (const change of session.plan(handle, selection, since, (said) => { report = said; })) {
    expect(report, 'the report comes before the first change').toBeDefined();
    const last = changes.at(-1);
    if (last !== undefined) {
      const order = compareKeys(keyOf(last), keyOf(change));
      expect(order < 0 || (order === 0 && last.op === 'remove' && change.op === 'put'), `${keyOf(last)} before ${keyOf(change)}`).toBe(true);
    }
    changes.push(change);
  }
  return { changes, report: report! };
}
const keyOf = (change: Change): string => (change.op === 'put' ? change.entry.key : change.key);

async function listing(handle: Handle, selection: HdfsSelection): Promise<Map<string, Entry>> {
  const { changes, report } = await changesOf(handle, selection);
  expect(report.kind).toBe('full');
  return new Map(changes.flatMap((change) => (change.op === 'put' ? [[change.entry.key, change.entry] as const] : [])));
}

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

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

const hostileNames = ['a', 'a!', 'a b', 'é', 'e\u0301', 'aé', 'ab', '中', '\u{1F600}', '\uE000x', '%2F', '%252e', 'x+y', '~', '#h?&', '"\'\\', 'tab\tnew\nline', ' lead', 'trail ', '.dot', ';', '\u202Ertl', 'x'.repeat(255), 'A'];

test('names come back byte for byte, in the order of keys, each with its bytes', async () => {
  const root = '/hostile';
  for (const name of hostileNames) {
    await client.mkdirs(`${root}/${name}`);
    await client.create(`${root}/${name}/${name}`, [Buffer.from(name)]);
  }
  const selection = { paths: [root] };
  const handle = await session.takeHandle('mrs-backup.hostile', selection);
  const found = await listing(handle, selection);
  expect([...found.keys()].sort()).toEqual([root, ...hostileNames.flatMap((name) => [`${root}/${name}`, `${root}/${name}/${name}`])].sort());
  for (const name of hostileNames) {
    const entry = found.get(`${root}/${name}/${name}`)!;
    expect((await bytesOf(session.read(handle, entry, 0, entry.length))).toString()).toBe(name);
  }
  await session.dropHandle(handle.name, selection);
}, 60_000);

test('HDFS refuses to create symbolic links, which is why one in a set is a gap', async () => {
  await client.mkdirs('/links');
  const answer = await fetch(`${url}/webhdfs/v1/links/l?op=CREATESYMLINK&destination=/links/target&user.name=${user}`, { method: 'PUT' });
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('Symlinks not supported')]);
});

test('a handle that is found again claims the moment it was taken, also to a session that knows nothing of it', async () => {
  const selection = { paths: ['/moment/a', '/moment/b'] };
  for (const path of selection.paths) await client.mkdirs(path);
  const first = await session.takeHandle('mrs-backup.moment', selection);
  await sleep(1_500);
  await using other = await connectAs(user);
  expect(Math.abs(Date.parse((await other.takeHandle('mrs-backup.moment', selection)).takenAt) - Date.parse(first.takenAt))).toBeLessThan(1_000);
  await session.dropHandle(first.name, selection);
});

test('a listing of more than a page is complete', async () => {
  const names = Array.from({ length: 1_203 }, (_, i) => `d${i}${i % 3 === 0 ? 'é' : ''}`);
  for (let at = 0; at < names.length; at += 50) await Promise.all(names.slice(at, at + 50).map((name) => client.mkdirs(`/paged/${name}`)));
  const selection = { paths: ['/paged'] };
  const handle = await session.takeHandle('mrs-backup.paged', selection);
  expect([...(await listing(handle, selection)).keys()]).toEqual(['/paged', ...names.map((name) => `/paged/${name}`)].sort(compareKeys));
  await session.dropHandle(handle.name, selection);
}, 60_000);

test('our checksum is that of the server, from nothing to many blocks', async () => {
  for (const size of [0, 1, 511, 512, 513, 1 << 20, (1 << 20) + 1, (5 << 20) + 77]) {
    const bytes = randomBytes(size);
    const ours = new FileChecksum(1 << 20, 512);
    ours.update(bytes);
    await client.create(`/sums/f${size}`, [bytes], { blockSize: 1 << 20, length: size });
    expect((await client.checksum(`/sums/f${size}`)).hex, `${size} bytes`).toBe(ours.digest());
  }
}, 60_000);

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

test('a handle that was removed is named as lost', async () => {
  const selection = { paths: ['/lost'] };
  await client.create('/lost/f', [Buffer.from('x')]);
  const handle = await session.takeHandle('mrs-backup.lost', selection);
  expect(await session.takeHandle('mrs-backup.lost', selection)).toMatchObject({ name: handle.name, data: handle.data });
  const entry = (await listing(handle, selection)).get('/lost/f')!;
  await session.dropHandle(handle.name, selection);
  await expect(changesOf(handle, selection)).rejects.toMatchObject({ code: 'E_HANDLE_LOST' });
  await expect(bytesOf(session.read(handle, entry, 0, 1))).rejects.toMatchObject({ code: 'E_HANDLE_LOST' });
  await expect(session.complete(handle, entry)).rejects.toMatchObject({ code: 'E_HANDLE_LOST' });
});

test('a file open for writing is named, with what the snapshot has of it', async () => {
  const selection = { paths: ['/open'] };
  await client.create('/open/closed', [Buffer.from('x')]);
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => { release = resolve; });
  const writing = client.create('/open/busy', (async function* () {
    yield Buffer.alloc(200_000);
    await held;
    yield Buffer.alloc(10);
  })());
  for (let i = 0; i < 100 && (await client.openFiles('/open', 10)).files.length === 0; i++) await sleep(50);
  const handle = await session.takeHandle('mrs-backup.open', selection);
  const said = await session.describe(handle, selection);
  release();
  await writing;
  expect(said.openKeys).toEqual(['/open/busy']);
  expect(said.warnings.join()).toContain('/open/busy was open for writing');
  await session.dropHandle(handle.name, selection);
}, 30_000);

test('preflight names what stands in the way', async () => {
  await client.mkdirs('/flight/inner');
  await client.create('/flight/file', []);
  await client.allowSnapshot('/flight/inner');
  const { version, problems } = await session.preflight({ paths: ['/flight', '/flight2', '/flight/file'] });
  expect(version).toMatch(/^3\./);
  expect(problems.filter((problem) => problem.severity === 'error').map((problem) => problem.message)).toEqual([
    expect.stringContaining('/flight/inner already has them'),
    '/flight2 does not exist',
    '/flight/file is not a directory',
  ]);
  await using other = await connectAs('nobody');
  expect((await other.preflight({ paths: ['/flight/inner'] })).problems.map((problem) => problem.code)).toContain('E_SOURCE_DENIED');
});

test('everything comes back beside and in place, and the way back leaves what was there', async () => {
  const root = '/restore';
  const selection = { paths: [root] };
  await client.create(`${root}/d/big`, [randomBytes(3 << 20)], { blockSize: 1 << 20 });
  await client.create(`${root}/d/é/%2F +?#&\t\n"'\\`, [Buffer.from('hi')]);
  await client.create(`${root}/zero`, []);
  await client.mkdirs(`${root}/empty`, '1777');
  await client.mkdirs(`${root}/q`);
  await client.setOwner(`${root}/d/big`, 'alice', 'staff');
  await client.setPermission(`${root}/empty`, '1777');
  await client.setXattr(`${root}/d/big`, 'user.x', '00ff');
  await client.setXattr(`${root}/d`, 'trusted.t', 'aa');
  await client.setXattr(`${root}/d`, 'user.empty', '');
  await client.setAcl(`${root}/d`, 'user::rwx,user:bob:r-x,group::r-x,mask::rwx,other::---,default:user::rwx,default:user:bob:rwx,default:group::r-x,default:mask::rwx,default:other::---');
  await client.setAcl(`${root}/d/big`, 'user::rw-,user:alice:rw-,group::r--,mask::rw-,other::r--');
  await client.setQuota(`${root}/q`, { namespace: 50, space: 2e9 });
  await client.setQuotaByType(`${root}/q`, 'SSD', 1e9);
  await client.setStoragePolicy(`${root}/q`, 'COLD');
  await client.setTimes(`${root}/zero`, 1234567890123, 1234567890999);
  await client.setQuota(root, { namespace: 5000 });
  await client.setPermission(root, '750');
  const handle = await session.takeHandle('mrs-backup.restore', selection);
  const entries: Entry[] = [];
  const content = new Map<string, Buffer>();
  for (const bare of (await listing(handle, selection)).values()) {
    const entry = await session.complete(handle, bare);
    entries.push(entry);
    if (entry.type === 'file') content.set(entry.key, await bytesOf(session.read(handle, entry, 0, entry.length)));
  }
  const description = await session.describe(handle, selection);
  const target = (name: string, mode: RestoreTarget['mode']): RestoreTarget => ({ name, mode, existing: 'fail', mapping: { instances: {}, paths: [], databases: {}, owners: { alice: 'alicia' } }, fromInstance: 'hacluster', description, selection, only: [] });
  const plain = (entry: Entry | undefined): Entry | undefined => entry && { ...entry, attributes: Object.fromEntries(Object.entries(entry.attributes).filter(([name]) => !hdfsSource.incomparableAttributes.includes(name))) };

  async function compare(to: RestoreTarget): Promise<void> {
    for (const entry of entries) {
      expect(plain(await session.statRestored(to, entry))).toEqual(plain(entry));
      if (entry.type === 'file') expect((await bytesOf(session.readRestored(to, entry))).equals(content.get(entry.key)!)).toBe(true);
    }
  }
  async function restore(to: RestoreTarget): Promise<void> {
    expect((await session.planRestore(to, { entries: entries.length, bytes: 4 << 20 })).conflicts).toEqual([]);
    await session.beginRestore(to);
    for (const entry of entries) {
      expect(await session.isRestored(to, entry)).toBe(false);
      if (entry.type === 'file' && entry.length > 0) {
        await expect(session.writeEntry(to, entry, (async function* () { yield content.get(entry.key)!.subarray(0, 1); throw new Error('damaged'); })())).rejects.toThrow('damaged');
        expect(await session.statRestored(to, entry)).toBeUndefined();
      }
      await session.writeEntry(to, entry, (async function* () { if (content.has(entry.key)) yield content.get(entry.key)!; })());
      if (entry.type === 'file') expect(await session.isRestored(to, entry)).toBe(true);
    }
    for (const entry of [...entries].reverse()) if (entry.type === 'directory') await session.settleDirectory(to, entry);
    await compare(to);
  }
  const tree = async (): Promise<string[]> => {
    const { modificationTime, permission } = await client.status(root);
    const lines = [JSON.stringify([root, modificationTime, permission])];
    for (const waiting = [root]; waiting.length > 0;) {
      const path = waiting.pop()!;
      for await (const page of client.listPaged(path)) {
        for (const child of page) {
          lines.push(JSON.stringify([path, child]));
          if (child.type === 'DIRECTORY') waiting.push(`${path}/${child.pathSuffix}`);
        }
      }
    }
    return lines.sort();
  };

  const beside = target('r1', 'beside');
  await restore(beside);
  expect((await client.status(`${root}.restored-r1/d/big`)).owner).toBe('alicia');
  expect((await session.planRestore(target('r1b', 'beside'), { entries: 1, bytes: 1 })).conflicts).toEqual([]);
  await session.rollbackRestore(beside);
  expect(await client.statusOrUndefined(`${root}.restored-r1`)).toBeUndefined();

  await client.create(`${root}/newer`, [Buffer.from('n')]);
  await client.delete(`${root}/d/big`);
  await client.setPermission(root, '700');
  for (const withSnapshots of [true, false]) {
    if (!withSnapshots) {
      await session.dropHandle(handle.name, selection);
      await client.disallowSnapshot(root);
    }
    const now = await tree();
    const inPlace = target('r2', 'inPlace');
    await restore(inPlace);
    expect(await tree()).toEqual(now);
    expect(await session.commitRestore(inPlace)).toEqual({ safetyPoint: `${root}.before-r2` });
    expect(await session.commitRestore(inPlace)).toEqual({ safetyPoint: `${root}.before-r2` });
    await compare(inPlace);
    expect(await client.statusOrUndefined(`${root}/newer`)).toBeUndefined();
    expect(await client.statusOrUndefined(`${root}.before-r2/newer`)).toBeDefined();
    if (!withSnapshots) await session.releaseRestore(inPlace);
    await session.rollbackRestore(inPlace);
    await session.rollbackRestore(inPlace);
    expect(await tree()).toEqual(now);
    expect((await client.status(root)).permission).toBe('700');
    expect(await client.statusOrUndefined(`${root}.before-r2`)).toBeUndefined();
  }
}, 120_000);

test.each(['commit', 'rollback'] as const)('a %s that breaks off anywhere is finished by the next try, with every name and time', async (step) => {
  const root = `/broken-${step}`;
  const selection = { paths: [root] };
  for (const name of ['one', 'two', 'three']) await client.create(`${root}/${name}`, [Buffer.from(name)]);
  const handle = await session.takeHandle('mrs-backup.broken', selection);
  const entries = [...(await listing(handle, selection)).values()];
  const description = await session.describe(handle, selection);
  await client.delete(`${root}/two`);
  await client.create(`${root}/newer`, [Buffer.from('n')]);
  const target: RestoreTarget = { name: 'r3', mode: 'inPlace', existing: 'fail', mapping: { instances: {}, paths: [], databases: {}, owners: {} }, fromInstance: 'hacluster', description, selection, only: [] };
  const tree = async (): Promise<unknown> => {
    const found: unknown[] = [(await client.status(root)).modificationTime];
    for await (const page of client.listPaged(root)) found.push(...page.map((child) => [child.pathSuffix, child.modificationTime]));
    return found;
  };
  const before = await tree();
  const restored = [entries[0]!.attributes['modificationTime'], ...entries.slice(1).map((entry) => [entry.key.slice(root.length + 1), entry.attributes['modificationTime']]).sort()];
  let broke = true;
  for (let at = 1; broke; at++) {
    await session.beginRestore(target);
    for (const entry of entries) await session.writeEntry(target, entry, (async function* () { if (entry.type === 'file') yield* session.read(handle, entry, 0, entry.length); })());
    await session.settleDirectory(target, entries[0]!);
    if (step === 'rollback') await session.commitRestore(target);
    // What changes something dies at its n-th request: a server cannot be made to.
    let left = at;
    broke = false;
    const dying = new Proxy(client, {
      get: (real, name) => (...args: unknown[]) => {
        if (['mkdirs', 'rename', 'delete', 'setTimes', 'setPermission', 'setOwner', 'setXattr', 'setQuota'].includes(String(name)) && --left === 0) {
          broke = true;
          throw new Error('killed');
        }
        return (real[name as keyof WebHdfs] as (...all: unknown[]) => unknown)(...args);
      },
    });
    const worker = createHdfsSession(createConnection(dying, 'hacluster'));
    await (step === 'commit' ? worker.commitRestore(target) : worker.rollbackRestore(target)).catch((error: Error) => expect(error.message).toContain('killed'));
    if (step === 'commit') {
      await session.commitRestore(target);
      expect(await tree(), `broken off at change ${at}`).toEqual(restored);
    }
    await session.rollbackRestore(target);
    expect(await tree(), `broken off at change ${at}`).toEqual(before);
    expect(at).toBeLessThan(60);
  }
  await session.dropHandle(handle.name, selection);
}, 120_000);

test('a server that dies in mid-read is unreachable, not short', async () => {
  const selection = { paths: ['/death'] };
  await client.create('/death/f', [Buffer.alloc(32 << 20)]);
  const handle = await session.takeHandle('mrs-backup.death', selection);
  const entry = (await listing(handle, selection)).get('/death/f')!;
  const reading = (async () => {
    let first = true;
    for await (const _part of session.read(handle, entry, 0, entry.length)) {
      if (first) await lab.kill('hdfs-a');
      first = false;
    }
  })();
  await expect(reading).rejects.toMatchObject({ code: 'E_SOURCE_UNREACHABLE' });
  await expect(session.listHandles(selection)).rejects.toMatchObject({ code: 'E_SOURCE_UNREACHABLE' });
}, 60_000);
