import { execFile } from 'node:child_process';
import { chmod, chown, copyFile, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { checkConfig } from '../../config/checkConfig.ts';
import { labUser } from '../../lab/asNobody.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { nfsFiles, nfsLibrary } from '../../lab/nfsFiles.ts';
import { openProduct } from '../../lab/product.ts';
import { checkDestination, type ConformanceResult } from '../../storage/conformance.ts';
import { nfs } from '../../storage/nfs.ts';
import { checkGuards } from './checkGuards.ts';
import { childrenOf } from './childrenOf.ts';
import { openNfs } from './nfsPlace.ts';
import { lengthsOf, putSample, readLength } from './sftpPlace.ts';

const run = promisify(execFile);
const toolsFolder = process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname;
const wayText = 'in user space: NFS version 3 through libnfs';
let folder: string;
let lab: Lab;
let data: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-nfs-'));
  lab = await createLab({ stateFolder: folder, toolsFolder });
  await lab.up(['nfs']);
  data = nfsFiles(lab.place('nfs')).data;
}, 60_000);

afterAll(async () => {
  await lab?.down(['nfs']);
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const children = (): Promise<number[]> => childrenOf(process.pid, 'nfsChild');

test('every promise of a destination is kept on nfs-ganesha, and nothing is left', { timeout: 240_000 }, async () => {
  const results: ConformanceResult[] = [];
  for await (const result of checkDestination(() => openNfs(lab), nfs.capabilities, { exclusive: true, listed: 100, largeBytes: 32 << 20 })) results.push(result);
  expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(await readdir(join(data, 'vault'), { recursive: true })).toEqual(['.tmp']);
  {
    await using session = await openNfs(lab);
    expect(session.found).toEqual({ durable: true, limits: {}, way: wayText });
  }
  await expect.poll(children, { timeout: 10_000 }).toEqual([]);
});

test('the command says which way is used', { timeout: 240_000 }, async () => {
  const { stdout, stderr, code } = await openProduct(lab.config(), join(folder, 'engine')).run('destination', 'check', 'onnfs');
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining(`onnfs: reached ${wayText}`) });
  expect(stdout).toContain('passed');
  expect(await readdir(join(data, 'mrs-backup'), { recursive: true })).toEqual(['.tmp']);
});

test('a check that was killed leaves no object and no process', { timeout: 120_000 }, async () => {
  const root = join(data, 'mrs-backup');
  const { child, answer } = openProduct(lab.config(), join(folder, 'engine')).start(['destination', 'check', 'onnfs']);
  const large = async (): Promise<string | undefined> => {
    for (const name of await readdir(join(root, '.tmp')).catch(() => [])) if (((await stat(join(root, '.tmp', name)).catch(() => undefined))?.size ?? 0) > 1 << 20) return name;
    return undefined;
  };
  await expect.poll(large, { timeout: 60_000, interval: 5 }).toBeDefined();
  const { stdout } = await run('ps', ['--ppid', String(child.pid), '-o', 'pid=']);
  expect(stdout.trim()).not.toBe('');
  child.kill('SIGKILL');
  await answer;
  await expect.poll(() => run('ps', ['-o', 'pid=,stat=', '-p', stdout.trim().split(/\s+/).join(',')]).then((shown) => shown.stdout, () => ''), { timeout: 10_000 }).not.toMatch(/ [^Z]/);
  await expect.poll(() => readdir(root, { recursive: true }), { timeout: 60_000, interval: 250 }).toEqual(['.tmp']);
  await expect.poll(() => checkGuards(lab.config()), { timeout: 60_000, interval: 250 }).toEqual([]);
});

describe('the folder', () => {
  test('is made when the one above exists', async () => {
    await using deep = await openNfs(lab, { path: '/one/' });
    await putSample(deep, 'a/b');
    await using deeper = await openNfs(lab, { path: 'one/two' });
    await putSample(deeper, 'c');
    expect(await readdir(join(data, 'one'))).toEqual(['.tmp', 'a', 'two']);
    await using root = await openNfs(lab, { path: undefined });
    expect(await readLength(root, 'one/a/b')).toBe(10);
    await putSample(root, 'x');
    await root.remove('x');
    await expect(openNfs(lab, { path: 'away' }, { mustExist: true })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
    await expect(openNfs(lab, { path: 'missing/deep' })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', hint: expect.stringContaining('folder above') });
    await writeFile(join(data, 'file'), '');
    await expect(openNfs(lab, { path: 'file' })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
    await expect(openNfs(lab, { path: 'file/below' })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
    expect(await readdir(data)).not.toContain('away');
  });

  test('and its files are for their owner alone, who is whom the configuration names', async () => {
    await using session = await openNfs(lab, { path: 'rights' });
    await putSample(session, 'a/b');
    for (const [name, mode] of [['', 0o700], ['.tmp', 0o700], ['a', 0o700], ['a/b', 0o600]] as const) {
      const status = await stat(join(data, 'rights', name));
      expect([name, status.mode & 0o777, status.uid]).toEqual([name, mode, labUser!.uid]);
    }
  });

  test('that vanishes is reported by everything and not made again', async () => {
    await using session = await openNfs(lab, { path: 'vanishing' });
    await putSample(session, 'a/b');
    await rm(join(data, 'vanishing'), { recursive: true });
    const gone = { code: 'E_DESTINATION_UNREACHABLE' };
    await expect(putSample(session, 'a/c')).rejects.toMatchObject(gone);
    await expect(session.stat('a/b')).rejects.toMatchObject(gone);
    await expect(readLength(session, 'a/b')).rejects.toMatchObject(gone);
    await expect(lengthsOf(session)).rejects.toMatchObject(gone);
    await expect(session.remove('a/b')).rejects.toMatchObject(gone);
    await expect(session.space()).rejects.toMatchObject(gone);
    await expect(session.sweep(0)).rejects.toMatchObject(gone);
    expect(await readdir(data)).not.toContain('vanishing');
  });

  test('that is another one of the same name gets nothing', async () => {
    await using session = await openNfs(lab, { path: 'swapped' });
    await putSample(session, 'a');
    await rename(join(data, 'swapped'), join(data, 'before'));
    await mkdir(join(data, 'swapped', '.tmp'), { recursive: true });
    for (const each of ['swapped', 'swapped/.tmp']) await chown(join(data, each), labUser!.uid, labUser!.gid);
    const other = { code: 'E_DESTINATION_UNREACHABLE', hint: expect.stringContaining('replaced') };
    await expect(putSample(session, 'b')).rejects.toMatchObject(other);
    await expect(session.stat('a')).rejects.toMatchObject(other);
    await expect(lengthsOf(session)).rejects.toMatchObject(other);
    expect(await readdir(join(data, 'swapped'), { recursive: true })).toEqual(['.tmp']);
    expect(await readdir(join(data, 'before'), { recursive: true })).toEqual(['.tmp', 'a']);
  });

  test('may hold what others put there: it is nobody’s object', async () => {
    await using session = await openNfs(lab, { path: 'shared' });
    const root = join(data, 'shared');
    await putSample(session, 'a/b');
    await mkdir(join(root, 'lost+found'));
    await writeFile(join(root, 'a', 'with blank'), 'x');
    await symlink('/etc/passwd', join(root, 'a', 'link'));
    expect(await lengthsOf(session)).toEqual({ 'a/b': 10 });
    expect(await session.stat('a/link')).toBeUndefined();
    await expect(readLength(session, 'a/link')).rejects.toMatchObject({ code: 'E_OBJECT_NOT_FOUND' });
    await expect(readLength(session, 'a')).rejects.toMatchObject({ code: 'E_OBJECT_NOT_FOUND' });
  });
});

describe('the configuration', () => {
  test('is strict', () => {
    const block = { type: 'NFS', server: 'nas', export: '/backup' };
    expect(nfs.config.parse(block)).toEqual({ ...block, path: '/', version: 3, connections: 4, timeoutSeconds: 60 });
    for (const bad of [{ server: undefined }, { server: 'nas:/backup' }, { server: 'nas:2049' }, { server: '[::1]' }, { export: 'backup' }, { path: '../x' }, { path: 'a/..' }, { version: 4 }, { uid: -1 }, { nfsPort: 0 }, { connections: 0 }, { mountOptions: 'soft' }]) {
      expect(nfs.config.safeParse({ ...block, ...bad }).success, JSON.stringify(bad)).toBe(false);
    }
    for (const server of ['nas.example.', '10.0.0.7', '::1', 'fe80::1%eth0', '::ffff:10.0.0.7']) expect(nfs.config.safeParse({ ...block, server }).success, server).toBe(true);
    const { problems } = checkConfig(stringify({ destinations: { filer: { ...block, version: 4.1 } } }), '/x.yaml', { sources: [], drivers: [nfs] });
    expect(problems).toMatchObject([{ path: 'destinations.filer.version', message: expect.stringContaining('need a mount') }]);
  });

  test('that names no library, or another one, says what to install', async () => {
    await expect(openNfs(lab, { library: '/nowhere/libnfs.so.13' })).rejects.toMatchObject({ code: 'E_UNSUPPORTED', hint: expect.stringContaining('libnfs13') });
    await expect(openNfs(lab, { library: 'libnfs.so.16' })).rejects.toMatchObject({ code: 'E_UNSUPPORTED', message: expect.stringContaining('version 4 or 5') });
    const text = join(folder, 'libnfs.so.13');
    await writeFile(text, 'no library');
    await expect(openNfs(lab, { library: text })).rejects.toMatchObject({ code: 'E_UNSUPPORTED' });
  });

  test('may name a library outside of the system', async () => {
    const copy = join(folder, 'own', 'libnfs.so.13');
    await mkdir(join(folder, 'own'));
    await copyFile(nfsLibrary(toolsFolder), copy);
    await chmod(copy, 0o755);
    await using session = await openNfs(lab, { library: copy });
    await putSample(session, 'own');
  });

  test('that names an export the server does not have, or a server that is not there, says so', async () => {
    await expect(openNfs(lab, { export: '/nowhere' })).rejects.toMatchObject({ code: expect.stringMatching(/^E_DESTINATION_(PATH|DENIED)$/), message: expect.stringContaining('/nowhere'), hint: expect.stringContaining('showmount -e') });
    await expect(openNfs(lab, { server: 'no-such-host.invalid' })).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    await expect(openNfs(lab, { mountPort: 9, nfsPort: 9 })).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  });
});

test('the children get neither the environment of the worker nor arguments', async () => {
  process.env['SOME_SECRET'] = 'not for children';
  try {
    await using session = await openNfs(lab);
    await putSample(session, 'a');
    const [pid] = await children();
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
    expect(environment).not.toContain('not for children');
    // Node and the program: all else is for Node itself.
    expect((await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').filter((each) => each !== '' && each !== '--single-threaded')).toHaveLength(2);
  } finally {
    delete process.env['SOME_SECRET'];
  }
});
