import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RestoreTarget } from '../../components/dataSource.ts';
import type { Entry } from '../../contracts/entry.ts';
import { openHdfsScene, type HdfsScene } from '../hdfs/openHdfsScene.ts';

let scene: HdfsScene;
beforeAll(async () => { scene = await openHdfsScene(); }, 120_000);
afterAll(async () => await scene?.[Symbol.asyncDispose](), 60_000);

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function setOf(root: string, name: string, owners: Record<string, string>, paths: RestoreTarget['mapping']['paths']): Promise<{ target: RestoreTarget; entries: Entry[]; restore: () => Promise<void> }> {
  const { session, listing } = scene;
  const selection = { paths: [root] };
  const handle = await session.takeHandle(`mrs-backup.${name}`, selection);
  const entries = await Promise.all([...(await listing(handle, selection)).values()].map((entry) => session.complete(handle, entry)));
  const target: RestoreTarget = { name, mode: 'mirror', existing: 'fail', mapping: { instances: {}, paths, databases: {}, owners }, fromInstance: 'hacluster', description: await session.describe(handle, selection), selection, only: [] };
  const restore = async (): Promise<void> => {
    await session.beginRestore(target);
    for (const entry of entries) await session.writeEntry(target, entry, entry.type === 'file' ? session.read(handle, entry, 0, entry.length) : nothing());
    for (const entry of entries.toReversed()) if (entry.type === 'directory') await session.settleDirectory(target, entry);
  };
  return { target, entries, restore };
}

test('what a mapping takes out of a directory is looked at before, compared, and gone again on the way back', async () => {
  const { client, session } = scene;
  for (const name of ['a', 'old/b', 'moved/c', 'moved/deep/d']) await client.create(`/from/${name}`, [Buffer.from(name)]);
  const { target, entries, restore } = await setOf('/from', 'map', {}, [{ from: '/from', to: '/new home/from' }, { from: '/from/moved', to: '/elsewhere/moved' }, { from: '/from/old', to: '/new home/from/older' }]);
  await client.create('/elsewhere/moved/in-the-way', []);
  const { conflicts } = await session.planRestore(target, { entries: 9, bytes: 9 });
  expect(conflicts).toEqual(['/elsewhere/moved exists already']);
  await expect(session.beginRestore(target)).rejects.toMatchObject({ code: 'E_TARGET_EXISTS' });
  await session.rollbackRestore(target);
  expect(await client.statusOrUndefined('/elsewhere/moved/in-the-way')).toBeDefined();
  await client.delete('/elsewhere', { recursive: true });

  await restore();
  await session.releaseRestore(target);
  for (const entry of entries) {
    const there = await session.statRestored(target, entry);
    expect(there?.attributes['modificationTime'], entry.key).toBe(entry.attributes['modificationTime']);
  }
  for (const path of ['/new home/from/a', '/new home/from/older/b', '/elsewhere/moved/deep/d']) expect(await client.statusOrUndefined(path), path).toBeDefined();
  for (const path of ['/new home/from/old', '/new home/from/moved', '/from/older']) expect(await client.statusOrUndefined(path), path).toBeUndefined();
  expect((await client.status('/new home')).permission).toBe('755');

  for (const path of ['/new home/from', '/elsewhere/moved']) await client.delete(path, { recursive: true });
  await restore();
  await session.rollbackRestore(target);
  for (const path of ['/new home', '/elsewhere']) for await (const page of client.listPaged(path)) expect(page.map((child) => child.pathSuffix), path).toEqual([]);
}, 60_000);

test('an ACL that the target does not take is a difference, not the end of the restoration', async () => {
  const { client, session } = scene;
  await client.create('/acl/file', [Buffer.from('f')]);
  await client.setAcl('/acl/file', 'user::rw-,user:alice:r--,group::r--,mask::r--,other::---');
  const { target, entries, restore } = await setOf('/acl', 'acl', { alice: 'alice@EXAMPLE' }, [{ from: '/acl', to: '/acl2' }]);
  await restore();
  const file = entries.find((entry) => entry.type === 'file')!;
  expect(file.attributes['acl']).toBeDefined();
  expect((await session.statRestored(target, file))?.attributes['acl']).toBeUndefined();
  const said: string[] = [];
  await session.finishRestore(target, (line) => said.push(line));
  expect(said.join()).toContain('user:alice@EXAMPLE:r--');
}, 60_000);

test('force makes what is there what it was: other types, attributes and policies; but no directory with something in it is removed', async () => {
  const { client, session } = scene;
  for (const name of ['dir/one', 'plain/two', 'file']) await client.create(`/forced/${name}`, [Buffer.from(name)]);
  await client.setXattr('/forced/dir', 'user.kept', '01');
  const { target, entries, restore } = await setOf('/forced', 'force', {}, [{ from: '/forced', to: '/there' }]);
  const force = { ...target, existing: 'force' } as const;
  Object.assign(target, force);
  await client.create('/there/dir', [Buffer.from('a file')]);
  await client.mkdirs('/there/file');
  await client.create('/there/plain/two', [Buffer.from('older')]);
  await client.setXattr('/there/plain', 'user.foreign', '02');
  await client.setStoragePolicy('/there/plain', 'WARM');
  await client.setEcPolicy('/there/plain', 'RS-6-3-1024k');
  await client.setQuota('/there/plain', { namespace: 100, space: 1 << 30 });
  await restore();
  const attributes = (entry: Entry | undefined): unknown => entry && { type: entry.type, length: entry.length, ...entry.attributes, fileId: 0, accessTime: 0 };
  for (const entry of entries) expect(attributes(await session.statRestored(target, entry)), entry.key).toEqual(attributes(entry));
  await session.releaseRestore(target);

  await client.delete('/there/file');
  await client.create('/there/file/something', []);
  await expect(restore()).rejects.toMatchObject({ code: 'E_TARGET_EXISTS', message: expect.stringContaining('/there/file is a directory with something in it') as string });
  expect(await client.statusOrUndefined('/there/file/something')).toBeDefined();
}, 60_000);
