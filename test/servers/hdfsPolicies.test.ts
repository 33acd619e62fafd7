import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RestoreTarget } from '../../components/dataSource.ts';
import { hdfsSource } from '../../components/hdfs/hdfsSource.ts';
import type { Entry } from '../../contracts/entry.ts';
import { bytesOf, openHdfsScene, type HdfsScene } from '../hdfs/openHdfsScene.ts';

let scene: HdfsScene;
beforeAll(async () => { scene = await openHdfsScene(); }, 120_000);
afterAll(async () => await scene?.[Symbol.asyncDispose](), 60_000);

const plain = (entry: Entry | undefined): Entry | undefined => entry && { ...entry, attributes: Object.fromEntries(Object.entries(entry.attributes).filter(([name]) => !hdfsSource.incomparableAttributes.includes(name))) };

/** Restores some keys of what is at `root` now and returns those that differ. */
async function restored(root: string, mode: RestoreTarget['mode'], name: string, only: readonly string[] = []): Promise<string[]> {
  const { session, listing } = scene;
  const selection = { paths: [root] };
  const handle = await session.takeHandle(`mrs-backup.${name}`, selection);
  const entries = (await Promise.all([...(await listing(handle, selection)).values()].map((entry) => session.complete(handle, entry)))).filter((entry) => only.length === 0 || only.some((key) => entry.key === key || entry.key.startsWith(`${key}/`)));
  const target: RestoreTarget = { name, mode, existing: 'fail', mapping: { instances: {}, paths: [], databases: {}, owners: {} }, fromInstance: 'hacluster', description: await session.describe(handle, selection), selection, only };
  await session.beginRestore(target);
  for (const entry of entries) await session.writeEntry(target, entry, entry.type === 'file' ? session.read(handle, entry, 0, entry.length) : (async function* () {})());
  for (const entry of entries.toReversed()) if (entry.type === 'directory') await session.settleDirectory(target, entry);
  const differing: string[] = [];
  for (const entry of entries) {
    const there = plain(await session.statRestored(target, entry));
    if (JSON.stringify(there) !== JSON.stringify(plain(entry))) differing.push(entry.key);
    else if (entry.type === 'file') expect(await bytesOf(session.readRestored(target, entry))).toEqual(await bytesOf(session.read(handle, entry, 0, entry.length)));
  }
  await session.commitRestore(target);
  await session.releaseRestore(target);
  await session.dropHandle(handle.name, selection);
  return differing;
}

test('replicated files and directories below an erasure-coded directory come back replicated', async () => {
  const { client } = scene;
  await client.create('/coded/before', [Buffer.from('written before the policy was set')]);
  await client.create('/coded/replicated/file', [Buffer.from('r')]);
  await client.setEcPolicy('/coded', 'RS-6-3-1024k');
  await client.setEcPolicy('/coded/replicated', 'replication');
  await client.mkdirs('/coded/inheriting');
  await client.create('/coded/empty', []);
  expect((await client.status('/coded/empty')).ecPolicy).toBe('RS-6-3-1024k');
  expect(await restored('/coded', 'beside', 'ec')).toEqual([]);
  const policyOf = async (path: string): Promise<string | undefined> => (await client.status(`/coded.restored-ec${path}`)).ecPolicy;
  expect(await Promise.all(['', '/inheriting', '/empty', '/before', '/replicated', '/replicated/file'].map(policyOf))).toEqual(['RS-6-3-1024k', 'RS-6-3-1024k', 'RS-6-3-1024k', undefined, undefined, undefined]);
}, 60_000);

test('what asks for storage that the target does not have is written to what it has, and keeps its policy', async () => {
  const { client } = scene;
  await client.create('/cold/file', [Buffer.from('c')]);
  await client.setStoragePolicy('/cold', 'COLD');
  expect(await restored('/cold', 'beside', 'cold')).toEqual([]);
  const cold = (await client.storagePolicies()).find(({ name }) => name === 'COLD')!.id;
  for (const path of ['', '/file']) expect((await client.status(`/cold.restored-cold${path}`)).storagePolicy).toBe(cold);
}, 60_000);

test('a part of a directory with policies comes back in place: what is handed down from above is no difference', async () => {
  const { client } = scene;
  for (const name of ['warm', 'coded2']) await client.create(`/${name}/sub/file`, [Buffer.from('w')]);
  await client.setStoragePolicy('/warm', 'WARM');
  await client.setEcPolicy('/coded2', 'RS-6-3-1024k');
  for (const [root, name] of [['/warm', 'w1'], ['/coded2', 'c1']] as const) {
    expect(await restored(root, 'inPlace', name, [`${root}/sub`])).toEqual([]);
    expect(await restored(root, 'inPlace', `${name}f`, [`${root}/sub/file`])).toEqual([]);
  }
}, 60_000);
