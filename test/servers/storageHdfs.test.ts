import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open as openFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import getPort from 'get-port';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWebHdfs } from '../../protocols/webhdfs/createWebHdfs.ts';
import { checkDestination, type ConformanceResult } from '../../storage/conformance.ts';
import { localHdfs } from '../../storage/localHdfs.ts';
import { remoteHdfs } from '../../storage/remoteHdfs.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';

// A NameNode and a DataNode of this test alone: it kills them.
const jars = new URL('../../.tools/hadoop/lib/', import.meta.url).pathname;
const packages = ['java.io', 'java.lang', 'java.lang.reflect', 'java.math', 'java.net', 'java.text', 'java.util', 'java.util.concurrent', 'java.util.zip', 'sun.security.util', 'sun.security.x509'];
const context = { name: 'standby', readSecret: async (): Promise<string> => '' };
const started = new Set<ChildProcess>();
let folder: string;
let url: string;
let dataNode: ChildProcess;

function java(name: string, main: string, ...args: string[]): ChildProcess {
  const options = ['-XX:+IgnoreUnrecognizedVMOptions', '-XX:+UseSerialGC', '-Xmx192m', ...packages.map((each) => `--add-opens=java.base/${each}=ALL-UNNAMED`)];
  const child = spawn('java', [...options, '-cp', `${folder}/conf:${jars}*`, main, ...args], { stdio: 'ignore', env: { ...process.env, HADOOP_USER_NAME: 'root', HADOOP_LOG_DIR: join(folder, name) } });
  started.add(child);
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  started.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function startDataNode(): ChildProcess {
  return java('datanode', 'org.apache.hadoop.hdfs.server.datanode.DataNode');
}

async function until(what: string, holds: () => Promise<boolean>, seconds = 60): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(200)) if (await holds().catch(() => false)) return;
  throw new Error(`not within ${seconds} s: ${what}`);
}

async function bean(name: string): Promise<Record<string, unknown>> {
  const answer = (await (await fetch(`${url}/jmx?qry=Hadoop:service=NameNode,name=${name}`)).json()) as { beans: Record<string, unknown>[] };
  return answer.beans[0] ?? {};
}

beforeAll(async () => {
  if ((await readdir(jars)).length < 100) throw new Error('the Hadoop jars are not there: run npm run lab once');
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-hdfs-'));
  await mkdir(join(folder, 'conf'));
  const [rpc, http, data, dataHttp, ipc] = [await getPort(), await getPort(), await getPort(), await getPort(), await getPort()];
  url = `http://127.0.0.1:${http}`;
  const xml = (settings: Record<string, string | number>): string =>
    `<configuration>${Object.entries(settings).map(([name, value]) => `<property><name>${name}</name><value>${value}</value></property>`).join('')}</configuration>`;
  await writeFile(join(folder, 'conf', 'core-site.xml'), xml({ 'fs.defaultFS': `hdfs://127.0.0.1:${rpc}`, 'hadoop.tmp.dir': `${folder}/tmp` }));
  await writeFile(join(folder, 'conf', 'hdfs-site.xml'), xml({
    'dfs.namenode.name.dir': `${folder}/name`, 'dfs.datanode.data.dir': `${folder}/data`,
    'dfs.namenode.rpc-address': `127.0.0.1:${rpc}`, 'dfs.namenode.http-address': `127.0.0.1:${http}`,
    'dfs.datanode.address': `127.0.0.1:${data}`, 'dfs.datanode.http.address': `127.0.0.1:${dataHttp}`, 'dfs.datanode.ipc.address': `127.0.0.1:${ipc}`,
    'dfs.datanode.hostname': '127.0.0.1', 'dfs.namenode.datanode.registration.ip-hostname-check': 'false',
    'dfs.replication': 1, 'dfs.namenode.safemode.extension': 0, 'dfs.namenode.fs-limits.min-block-size': 1024,
    'dfs.client.block.write.locateFollowingBlock.initial.delay.ms': 10,
  }));
  const format = java('format', 'org.apache.hadoop.hdfs.server.namenode.NameNode', '-format', '-clusterId', 'storage', '-force', '-nonInteractive');
  const [code] = (await once(format, 'exit')) as [number];
  started.delete(format);
  expect(code).toBe(0);
  java('namenode', 'org.apache.hadoop.hdfs.server.namenode.NameNode');
  dataNode = startDataNode();
  await until('HDFS is up', async () => (await bean('FSNamesystem'))['NumLiveDataNodes'] === 1 && (await bean('NameNodeInfo'))['Safemode'] === '');
}, 120_000);

afterAll(async () => {
  await Promise.all([...started].map(stop));
  await rm(folder, { recursive: true, force: true });
});

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
    const gone = { code: 'E_DESTINATION_PATH' };
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
      if (++blocks === 40) await stop(dataNode);
      yield block;
    }
  };
  await expect(session.put('object', body(), sample)).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  expect(await keysOf(session)).toEqual(['before']);
  await expect(put(session, 'object', 1000)).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  await expect(session.get('before')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  dataNode = startDataNode();
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
  for (const name of await readdir(join(folder, 'data'), { recursive: true })) {
    if (!/\/blk_\d+$/.test(name)) continue;
    const file = await openFile(join(folder, 'data', name), 'r+');
    if ((await file.stat()).size === 777_777) await file.write(Buffer.from('rotten'), 0, 6, 400_000);
    await file.close();
  }
  const read = async (): Promise<void> => {
    for await (const chunk of session.get('rotten')) void chunk;
  };
  await expect(read()).rejects.toMatchObject({ name: 'Failure' });
});
