import { mkdtemp, open as openFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLab, type Lab } from '../../lab/lab.ts';
import { createWebHdfs } from '../../protocols/webhdfs/createWebHdfs.ts';
import { checkDestination, type ConformanceResult } from '../../storage/conformance.ts';
import { localHdfs } from '../../storage/localHdfs.ts';
import { remoteHdfs } from '../../storage/remoteHdfs.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';

const context = { name: 'standby', readSecret: async (): Promise<string> => '' };
let folder: string;
let lab: Lab;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-hdfs-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname });
  await lab.up(['hdfs-b']);
  url = lab.endpoints('hdfs-b')['webhdfs']!;
}, 180_000);

afterAll(async () => {
  await lab?.down(['hdfs-b']);
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** SIGKILL to the DataNode alone. */
async function killDataNode(): Promise<void> {
  process.kill(lab.status()['hdfs-b']!.pids['dataNode']!, 'SIGKILL');
  await until('the DataNode is dead', async () => lab.status()['hdfs-b']!.processes['dataNode'] === 'dead');
}

async function until(what: string, holds: () => Promise<boolean>, seconds = 60): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(200)) if (await holds().catch(() => false)) return;
  throw new Error(`not within ${seconds} s: ${what}`);
}

async function open(path = '/vault', user = 'root', more: { blockSize?: number } = {}): Promise<StorageSession> {
  return await remoteHdfs.open({ type: 'RemoteHDFS', webhdfs: [url], user, path, ...more }, context);
}

async function put(session: StorageSession, key: string, length = 10): Promise<void> {
  const sample = sampleBody(length, key);
  await session.put(key, sample.body(), sample);
}

async function keysOf(session: StorageSession): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of session.list('')) keys.push(key);
  return keys;
}

async function conformance(opened: () => Promise<StorageSession>): Promise<ConformanceResult[]> {
  const results: ConformanceResult[] = [];
  for await (const result of checkDestination(opened, remoteHdfs.capabilities, { exclusive: true, listed: 100 })) results.push(result);
  return results;
}

test('the HDFS of another cluster keeps every promise of a destination', { timeout: 240_000 }, async () => {
  const results = await conformance(() => open());
  expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
  await using client = createWebHdfs({ urls: [url], user: 'root' });
  const names: string[] = [];
  for await (const page of client.listPaged('/vault')) names.push(...page.map(({ pathSuffix }) => pathSuffix));
  expect(names).toEqual(['.tmp']);
});

test('the HDFS of the cluster itself is the same, once the configuration has named its NameNodes', async () => {
  const config = localHdfs.config.parse({ type: 'LocalHDFS', cluster: 'prod', instance: 'hacluster', path: '/own' });
  await expect(localHdfs.open(config, context)).rejects.toMatchObject({ code: 'E_CONFIG', hint: expect.stringContaining('clusters.prod.services.HDFS.hacluster') });
  await using session = await localHdfs.open({ ...config, webhdfs: [url], user: 'root' }, context);
  await put(session, 'a/b', 1000);
  expect(await keysOf(session)).toEqual(['a/b']);
});

test('an object of many blocks is compared by the checksum of HDFS and read by range', async () => {
  await using session = await open('/blocks', 'root', { blockSize: 65_536 });
  await put(session, 'many', 1_000_000);
  let bytes = 0;
  for await (const chunk of session.get('many', { offset: 65_000, length: 200_000 })) bytes += chunk.length;
  expect(bytes).toBe(200_000);
});

test('a sweep below a folder that nobody uses any more takes folders without an object, and nothing else', async () => {
  await using client = createWebHdfs({ urls: [url], user: 'root' });
  await using session = await open('/swept');
  await client.mkdirs('/swept/gone/deep/er');
  await put(session, 'gone/kept/object');
  await session.sweep(3_600_000, undefined, 'gone/');
  expect(await client.statusOrUndefined('/swept/gone/deep')).toBeUndefined();
  expect(await keysOf(session)).toEqual(['gone/kept/object']);
  await session.remove('gone/kept/object');
  await session.sweep(3_600_000, undefined, 'gone/');
  expect(await client.statusOrUndefined('/swept/gone')).toBeUndefined();
});

describe('a destination that is not as it should be', () => {
  test('no folder above it, a file in its place, a user without rights', async () => {
    await using session = await open('/rights');
    await put(session, 'file');
    await expect(open('/missing/deep')).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
    await expect(open('/rights/file')).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
    await using stranger = await open('/rights', 'nobody');
    await expect(put(stranger, 'x')).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED' });
    await expect(stranger.stat('file')).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED' });
    await expect(open('/not-mine', 'nobody')).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED' });
  });

  test('a root that vanishes is reported by everything and not made again', async () => {
    await using client = createWebHdfs({ urls: [url], user: 'root' });
    await using session = await open('/vanishing');
    await put(session, 'a/b');
    await client.delete('/vanishing', { recursive: true });
    const gone = { code: 'E_DESTINATION_UNREACHABLE' };
    await expect(put(session, 'a/c')).rejects.toMatchObject(gone);
    await expect(session.stat('a/b')).rejects.toMatchObject(gone);
    await expect(keysOf(session)).rejects.toMatchObject(gone);
    await expect(session.remove('a/b')).rejects.toMatchObject(gone);
    await expect(session.sweep(0)).rejects.toMatchObject(gone);
    expect(await client.statusOrUndefined('/vanishing')).toBeUndefined();
  });

  test('a quota is space, and full when it is used up', async () => {
    await using client = createWebHdfs({ urls: [url], user: 'root' });
    await using session = await open('/quota', 'root', { blockSize: 1_048_576 });
    await put(session, 'first', 1_000_000);
    await client.setQuota('/quota', { space: 3_000_000 });
    expect(await session.space()).toEqual({ freeBytes: 2_000_000, totalBytes: 3_000_000 });
    await expect(put(session, 'second', 4_000_000)).rejects.toMatchObject({ code: 'E_DESTINATION_FULL' });
    expect(await keysOf(session)).toEqual(['first']);
  });
});

test('a DataNode killed in the middle of a write leaves no object, and the repeated write succeeds when it is back', { timeout: 180_000 }, async () => {
  await using session = await open('/killed');
  await put(session, 'before', 1000);
  const sample = sampleBody(64 * 1024 * 1024, 'killed');
  const body = async function* (): AsyncGenerator<Uint8Array> {
    let blocks = 0;
    for await (const block of sample.body()) {
      if (++blocks === 40) await killDataNode();
      yield block;
    }
  };
  await expect(session.put('object', body(), sample)).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  expect(await keysOf(session)).toEqual(['before']);
  await expect(put(session, 'object', 1000)).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  await expect(session.get('before')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  await lab.up(['hdfs-b']);
  await until('the write succeeds', async () => {
    await session.put('object', sample.body(), sample);
    return true;
  });
  expect(await session.stat('object')).toEqual({ length: sample.length });
  expect(await keysOf(session)).toEqual(['before', 'object']);
});

test('bytes that rot on the disk of the DataNode are not read as good', { timeout: 60_000 }, async () => {
  await using session = await open('/rot');
  await put(session, 'rotten', 777_777);
  const data = join(lab.place('hdfs-b').folder, 'data');
  for (const name of await readdir(data, { recursive: true })) {
    if (!/\/blk_\d+$/.test(name)) continue;
    const file = await openFile(join(data, name), 'r+');
    if ((await file.stat()).size === 777_777) await file.write(Buffer.from('rotten'), 0, 6, 400_000);
    await file.close();
  }
  const read = async (): Promise<void> => {
    for await (const chunk of session.get('rotten')) void chunk;
  };
  await expect(read()).rejects.toMatchObject({ name: 'Failure' });
});
