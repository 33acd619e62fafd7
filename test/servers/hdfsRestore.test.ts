import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RestoreTarget } from '../../components/dataSource.ts';
import { createConnection } from '../../components/hdfs/connection.ts';
import { createHdfsSession } from '../../components/hdfs/hdfsSession.ts';
import { hdfsSource } from '../../components/hdfs/hdfsSource.ts';
import type { Entry } from '../../contracts/entry.ts';
import type { WebHdfs } from '../../protocols/webhdfs/webHdfs.ts';
import { bytesOf, openHdfsScene, type HdfsScene } from '../hdfs/openHdfsScene.ts';

let scene: HdfsScene;
let client: HdfsScene['client'];
let session: HdfsScene['session'];
let listing: HdfsScene['listing'];

beforeAll(async () => {
  scene = await openHdfsScene();
  ({ client, session, listing } = scene);
}, 120_000);
afterAll(async () => await scene?.[Symbol.asyncDispose](), 60_000);

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
