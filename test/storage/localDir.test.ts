import { constants, readlinkSync } from 'node:fs';
import * as files from 'node:fs/promises';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { checkDestination, type ConformanceResult } from '../../storage/conformance.ts';
import { localDir } from '../../storage/localDir.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import type { StorageSession } from '../../storage/storageDriver.ts';

const require = createRequire(import.meta.url);
const context = { name: 'vault', readSecret: async (): Promise<string> => '' };
let folder: string;

beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'mrs-backup-localdir-'))));
afterEach(async () => await rm(folder, { recursive: true, force: true }));

async function open(path = join(folder, 'root')): Promise<StorageSession> {
  return await localDir.open({ type: 'LocalDir', path, allowRootFileSystem: true }, context);
}

async function put(session: StorageSession, key: string, length = 10): Promise<void> {
  const sample = sampleBody(length, key);
  await session.put(key, sample.body(), sample);
}

async function keysOf(session: StorageSession, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of session.list(prefix)) keys.push(key);
  return keys;
}

test('a local folder keeps every promise of a destination', { timeout: 60_000 }, async () => {
  const results: ConformanceResult[] = [];
  for await (const result of checkDestination(open, localDir.capabilities, { exclusive: true })) results.push(result);
  expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(results.length).toBeGreaterThan(20);
  expect(await readdir(join(folder, 'root'))).toEqual(['.tmp']);
  expect(await readdir(join(folder, 'root', '.tmp'))).toEqual([]);
});

test('a check that is stopped half-way cleans up', async () => {
  const abort = new AbortController();
  const run = async (): Promise<void> => {
    for await (const { name } of checkDestination(open, localDir.capabilities, { largeBytes: 1000, signal: abort.signal })) {
      if (name === 'ranges') abort.abort(new Error('stop'));
    }
  };
  await expect(run()).rejects.toThrow('stop');
  expect(await readdir(join(folder, 'root'))).toEqual(['.tmp']);
});

test('a check removes what a killed check left more than an hour ago, and not what a running one needs', async () => {
  await using session = await open();
  const old = `.conformance-${Date.now() - 2 * 3_600_000}-00ff/`;
  const young = `.conformance-${Date.now() - 1000}-00ff/`;
  await put(session, `${old}a/b`);
  await put(session, `${young}a`);
  await put(session, 'packs/00/x');
  for await (const { name } of checkDestination(open, localDir.capabilities, { largeBytes: 1 })) if (name === 'one byte') break;
  expect(await keysOf(session)).toEqual([`${young}a`, 'packs/00/x']);
});

describe('the folder', () => {
  test('is made when its parent exists, and only then', async () => {
    await using session = await open();
    expect(await keysOf(session)).toEqual([]);
    await expect(open(join(folder, 'a', 'b'))).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', message: expect.stringContaining('nor is the folder above it'), hint: expect.stringContaining(join(folder, 'a')) });
    await symlink('nowhere', join(folder, 'dangling'));
    await expect(open(join(folder, 'dangling'))).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', message: expect.stringContaining('is not there') });
    expect(await readdir(folder)).toEqual(['dangling', 'root']);
  });

  test('may not be on the root file system unless that is accepted', async () => {
    const path = `/mrs-backup-test-${process.pid}`;
    await expect(localDir.open({ type: 'LocalDir', path }, context)).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', hint: expect.stringContaining('allowRootFileSystem') });
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('may not be open to every user', async () => {
    await mkdir(join(folder, 'root'));
    // The sticky bit protects what is there, not what we are going to make.
    for (const mode of [0o777, 0o1777, 0o702]) {
      await chmod(join(folder, 'root'), mode);
      await expect(open()).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('chmod o-w') });
    }
    await chmod(join(folder, 'root'), 0o775);
    await using session = await open();
    await put(session, 'a');
  });

  test('may not be a file', async () => {
    await writeFile(join(folder, 'root'), '');
    await expect(open()).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
  });

  test('is not made where it must exist', async () => {
    await expect(localDir.open({ type: 'LocalDir', path: join(folder, 'root'), allowRootFileSystem: true }, { ...context, mustExist: true })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
    expect(await readdir(folder)).toEqual([]);
  });

  test('that vanishes is reported by everything and not made again', async () => {
    await using session = await open();
    await put(session, 'a/b');
    await rm(join(folder, 'root'), { recursive: true });
    const gone = { code: 'E_DESTINATION_UNREACHABLE' };
    await expect(put(session, 'a/c')).rejects.toMatchObject(gone);
    await expect(session.stat('a/b')).rejects.toMatchObject(gone);
    await expect(session.get('a/b')[Symbol.asyncIterator]().next()).rejects.toMatchObject(gone);
    await expect(keysOf(session)).rejects.toMatchObject(gone);
    await expect(session.remove('a/b')).rejects.toMatchObject(gone);
    await expect(session.space()).rejects.toMatchObject(gone);
    await expect(session.sweep(0)).rejects.toMatchObject(gone);
    expect(await readdir(folder)).toEqual([]);
  });

  test('that is replaced by another one is refused, and gets nothing', async () => {
    await using session = await open();
    await put(session, 'a');
    await rename(join(folder, 'root'), join(folder, 'moved'));
    await mkdir(join(folder, 'root'));
    await expect(put(session, 'b')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    await expect(session.stat('b')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
    expect(await readdir(join(folder, 'root'))).toEqual([]);
    expect(await readdir(join(folder, 'moved', '.tmp'))).toEqual([]);
  });
});

test('an operator can read the tree, and others cannot', async () => {
  await using session = await open();
  await put(session, 'sets/prod/nightly/2026-01-02T03.04.05Z-ab12/manifest.json');
  expect(await readdir(join(folder, 'root', 'sets/prod/nightly/2026-01-02T03.04.05Z-ab12'))).toEqual(['manifest.json']);
  const path = join(folder, 'root', 'sets/prod/nightly/2026-01-02T03.04.05Z-ab12/manifest.json');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, 'root', 'sets'))).mode & 0o777).toBe(0o700);
});

test('what others put into the folder is nobody’s object', async () => {
  await using session = await open();
  const root = join(folder, 'root');
  await put(session, 'a/b');
  await mkdir(join(root, 'lost+found'));
  await writeFile(join(root, 'a', 'with blank'), 'x');
  await writeFile(join(root, 'a', '%61'), 'x');
  await writeFile(join(root, 'a', '.nfs0001'), 'x');
  await symlink('/etc/passwd', join(root, 'a', 'link'));
  expect(await keysOf(session)).toEqual(['a/b']);
  expect(await session.stat('a/link')).toBeUndefined();
  await expect(session.get('a/link')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ name: 'Failure' });
});

test('removing the last object of a folder removes the folder', async () => {
  await using session = await open();
  await put(session, 'a/b/c');
  await put(session, 'a/d');
  await session.remove('a/b/c');
  expect(await readdir(join(folder, 'root', 'a'))).toEqual(['d']);
  await session.remove('a/d');
  expect(await readdir(join(folder, 'root'))).toEqual(['.tmp']);
});

test('a name that is no key is refused', async () => {
  await using session = await open();
  for (const key of ['', '/a', 'a/', 'a//b', '.', '../x', 'a/../../x', 'a\0b']) {
    await expect(put(session, key)).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(session.stat(key)).rejects.toMatchObject({ code: 'E_USAGE' });
  }
  expect(await readdir(join(folder, 'root'))).not.toContain('a');
});

test('a file cut short behind our back is found by a range read', async () => {
  await using session = await open();
  await put(session, 'a', 1000);
  await writeFile(join(folder, 'root', 'a'), 'short');
  await expect(session.get('a', { offset: 0, length: 1000 })[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'E_CORRUPT' });
});

test('a name is made that nobody has, its bytes are on the medium before it becomes the object’s, and that name after', async () => {
  await using session = await open();
  await put(session, 'sets/first');
  const calls: string[] = [];
  const root = join(folder, 'root');
  const named = (path: string): string => relative(root, path.replace(/^\/proc\/self\/fd\/\d+/, root)).replace(/^\.tmp\/.+/, '.tmp/…');
  const handle = await files.open(folder);
  const handles = Object.getPrototypeOf(handle) as files.FileHandle;
  await handle.close();
  const { sync } = handles;
  const spied = [
    vi.spyOn(handles, 'sync').mockImplementation(async function (this: files.FileHandle) {
      calls.push(`sync ${named(readlinkSync(`/proc/self/fd/${this.fd}`))}`);
      await sync.call(this);
    }),
    ...(['open', 'rename'] as const).map((name) => {
      const real = files[name] as (...args: unknown[]) => Promise<unknown>;
      return vi.spyOn(require('node:fs/promises') as typeof files, name).mockImplementation((async (...args: unknown[]) => {
        const flags = Number(args[1]);
        if (name === 'rename') calls.push(`rename ${named(String(args[0]))} ${named(String(args[1]))}`);
        else if ((flags & constants.O_CREAT) !== 0) calls.push(`create ${named(String(args[0]))}${(flags & constants.O_EXCL) !== 0 ? ' exclusively' : ''}${(flags & constants.O_NOFOLLOW) !== 0 ? ', no link' : ''}`);
        return await real(...args);
      }) as never);
    }),
  ];
  syncBuiltinESMExports();
  try {
    await put(session, 'sets/new/object');
  } finally {
    for (const each of spied) each.mockRestore();
    syncBuiltinESMExports();
  }
  expect(calls).toEqual(['create .tmp/… exclusively, no link', 'sync .tmp/…', 'sync sets', 'rename .tmp/… sets/new/object', 'sync sets/new']);
});
