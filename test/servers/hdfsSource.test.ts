import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareKeys } from '../../contracts/compareKeys.ts';
import { FileChecksum } from '../../protocols/webhdfs/fileChecksum.ts';
import { bytesOf, openHdfsScene, type HdfsScene } from '../hdfs/openHdfsScene.ts';

let scene: HdfsScene;
let lab: HdfsScene['lab'];
let url: HdfsScene['url'];
let user: HdfsScene['user'];
let client: HdfsScene['client'];
let session: HdfsScene['session'];
let connectAs: HdfsScene['connectAs'];
let changesOf: HdfsScene['changesOf'];
let listing: HdfsScene['listing'];

beforeAll(async () => {
  scene = await openHdfsScene();
  ({ lab, url, user, client, session, connectAs, changesOf, listing } = scene);
}, 120_000);
afterAll(async () => await scene?.[Symbol.asyncDispose](), 60_000);

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
