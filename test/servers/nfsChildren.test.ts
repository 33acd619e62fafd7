import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createLab, type Lab } from '../../lab/lab.ts';
import { nfsFiles } from '../../lab/nfsFiles.ts';
import { openProduct } from '../../lab/product.ts';
import { SharedMemory } from '../../storage/native/sharedMemory.ts';
import { checkGuards } from './checkGuards.ts';
import { childrenOf } from './childrenOf.ts';
import { openNfs } from './nfsPlace.ts';
import { putAnd } from './putAnd.ts';
import { lengthsOf, putSample, readLength } from './sftpPlace.ts';

// What becomes of the child processes with a client library in them, and of the process that started them.
const run = promisify(execFile);
let folder: string;
let lab: Lab;
const away = { code: 'E_DESTINATION_UNREACHABLE' };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-nfs-children-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname });
  await lab.up(['nfs']);
}, 60_000);

afterAll(async () => {
  await lab?.down(['nfs']);
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const children = (): Promise<number[]> => childrenOf(process.pid, 'nfsChild');
const server = (): number => lab.status()['nfs']!.pids['ganesha']!;

test('a server that is frozen is given up after a while, with the child that waits for it; afterwards all is as before', async () => {
  await using session = await openNfs(lab, { path: 'frozen', timeoutSeconds: 2 });
  await putSample(session, 'before');
  const [waiting] = await children();
  process.kill(server(), 'SIGSTOP');
  try {
    const begin = performance.now();
    await expect(putAnd(session, 'stalled', 6_000_000, async () => undefined)).rejects.toMatchObject({ ...away, message: expect.stringContaining('nothing came') });
    await expect(session.stat('before')).rejects.toMatchObject(away);
    expect(performance.now() - begin).toBeLessThan(20_000);
    await expect.poll(children, { timeout: 10_000 }).not.toContain(waiting);
  } finally {
    process.kill(server(), 'SIGCONT');
  }
  await putSample(session, 'stalled', 1000);
  expect(await lengthsOf(session)).toEqual({ before: 10, stalled: 1000 });
});

test.each(['SIGKILL', 'SIGSEGV'] as const)('a child that dies of %s in the middle of a put fails that put and nothing else', async (signal) => {
  await using session = await openNfs(lab, { path: signal }, { writer: 'run-1' });
  await putSample(session, 'before', 3_000_000);
  await expect(putAnd(session, 'object', 6_000_000, async () => {
    for (const pid of await children()) process.kill(pid, signal);
  })).rejects.toMatchObject({ ...away, message: expect.stringContaining(signal) });
  await putSample(session, 'object', 6_000_000);
  expect(await lengthsOf(session)).toEqual({ before: 3_000_000, object: 6_000_000 });
  expect(await readLength(session, 'before')).toBe(3_000_000);
  expect(await session.sweep(3_600_000)).toHaveLength(1);
});

test('a child that dies in the middle of a get fails that get and nothing else', async () => {
  await using session = await openNfs(lab, { path: 'read' });
  await putSample(session, 'object', 12_000_000);
  const reading = session.get('object')[Symbol.asyncIterator]();
  await reading.next();
  for (const pid of await children()) process.kill(pid, 'SIGKILL');
  await expect.poll(children, { timeout: 10_000 }).toEqual([]);
  await expect((async () => {
    while ((await reading.next()).done !== true);
  })()).rejects.toMatchObject(away);
  expect(await readLength(session, 'object')).toBe(12_000_000);
});

test('who stops reading, or whose body fails in the middle of a block, leaves the shared memory to those who come after', async () => {
  await using session = await openNfs(lab, { path: 'stopped', connections: 1 });
  await putSample(session, 'object', 6_000_000);
  for (let i = 0; i < 6; i++) {
    for await (const _ of session.get('object')) break;
    const half = (async function* () {
      yield Buffer.alloc(300_000);
      throw new Error('its source is gone');
    })();
    await expect(session.put('half', half, { length: 6_000_000, sha256: '' })).rejects.toThrow('its source is gone');
  }
  const taking = vi.spyOn(SharedMemory.prototype, 'take');
  try {
    expect(await readLength(session, 'object')).toBe(6_000_000);
    expect(taking.mock.results.map(({ value }) => typeof value)).toEqual(Array.from({ length: 6 }, () => 'object'));
  } finally {
    taking.mockRestore();
  }
});

test('a check that is interrupted while its server is frozen ends, promises no more than it keeps, and what it stored goes when the server is back', { timeout: 120_000 }, async () => {
  const config = join(folder, 'impatient.yaml');
  await writeFile(config, (await readFile(lab.config(), 'utf8')).replace('type: NFS', 'type: NFS\n    timeoutSeconds: 2'));
  const stored = async (): Promise<string[]> => (await readdir(join(nfsFiles(lab.place('nfs')).data, 'mrs-backup'), { recursive: true }).catch(() => [])).filter((name) => name !== '.tmp');
  const { child, answer } = openProduct(config, join(folder, 'engine')).start(['destination', 'check', 'onnfs']);
  // So many that some are there for a while.
  await expect.poll(async () => (await stored()).length, { timeout: 60_000, interval: 5 }).toBeGreaterThan(40);
  process.kill(server(), 'SIGSTOP');
  try {
    child.kill('SIGINT');
    expect(await answer).toMatchObject({ code: 130, stderr: expect.stringMatching(/could not be removed[^]*hint: .*the folder \.conformance-\S+ is removed as soon as/) });
    expect(await stored()).not.toEqual([]);
  } finally {
    process.kill(server(), 'SIGCONT');
  }
  await expect.poll(stored, { timeout: 60_000, interval: 250 }).toEqual([]);
  await expect.poll(() => checkGuards(config), { timeout: 60_000, interval: 250 }).toEqual([]);
});

test('children end with whoever started them, also while they wait for a frozen server', async () => {
  const { child, answer } = openProduct(lab.config(), join(folder, 'engine')).start(['destination', 'check', 'onnfs']);
  await expect.poll(() => readdir(join(nfsFiles(lab.place('nfs')).data, 'mrs-backup', '.tmp')).then((names) => names.length, () => 0), { timeout: 60_000, interval: 5 }).toBeGreaterThan(0);
  process.kill(server(), 'SIGSTOP');
  try {
    await sleep(500);
    const pids = await childrenOf(child.pid!, 'nfsChild');
    expect(pids.length).toBeGreaterThan(0);
    child.kill('SIGKILL');
    await answer;
    await expect.poll(() => run('ps', ['-o', 'stat=', '-p', pids.join(',')]).then(({ stdout }) => stdout.replace(/^Z.*$/gm, '').trim(), () => ''), { timeout: 10_000 }).toBe('');
  } finally {
    process.kill(server(), 'SIGCONT');
  }
});

test('many transfers share a few children, which end with the session', async () => {
  {
    await using session = await openNfs(lab, { path: 'many', connections: 3 });
    await Promise.all(Array.from({ length: 24 }, (_, i) => putSample(session, `object-${i}`, 400_000)));
    expect((await children()).length).toBeLessThanOrEqual(3);
    // As many readings as there may be children, and one that only looks.
    const readers = Array.from({ length: 6 }, (_, i) => session.get(`object-${i}`)[Symbol.asyncIterator]());
    for (const reader of readers) await reader.next();
    expect(await session.stat('object-7')).toEqual({ length: 400_000 });
    for (const reader of readers) await reader.return?.();
  }
  await expect.poll(children, { timeout: 10_000 }).toEqual([]);
});
