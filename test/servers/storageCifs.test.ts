import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cifsFiles, cifsUser, sambaEnvironment } from '../../lab/cifsFiles.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { openProduct } from '../../lab/product.ts';
import { cifs } from '../../storage/cifs.ts';
import { checkDestination, type ConformanceResult } from '../../storage/conformance.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import { openCifs } from './cifsPlace.ts';
import { watchLine } from './smbLine.ts';
import { lengthsOf, putSample, readLength } from './sftpPlace.ts';

const run = promisify(execFile);
let folder: string;
let lab: Lab;
const files = () => cifsFiles(lab.place('cifs'));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-cifs-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname });
  await lab.up(['cifs']);
}, 60_000);

afterAll(async () => {
  await lab?.down(['cifs']);
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** Connections of the server that are open. */
async function connections(): Promise<number> {
  const port = lab.place('cifs').ports['port']!.toString(16).toUpperCase().padStart(4, '0');
  return (await readFile('/proc/net/tcp', 'utf8')).split('\n').filter((line) => line.includes(`0100007F:${port} `) && / 0100007F:[0-9A-F]{4} 01 /.test(line)).length;
}

describe('every promise of a destination', () => {
  // Of temporary objects whose writers live, SMB lets nobody remove one: so not `exclusive`. What dead writers left is swept in cifsFaults.test.ts.
  test('is kept on a share of Samba, and nothing is left', { timeout: 120_000 }, async () => {
    const results: ConformanceResult[] = [];
    for await (const result of checkDestination(() => openCifs(lab), cifs.capabilities, { listed: 100, largeBytes: 40 << 20 })) results.push(result);
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(await readdir(join(files().data, 'vault'), { recursive: true })).toEqual(['.tmp']);
  });

  test('is kept on an encrypted share, and the command says how it is reached and what it lacks', { timeout: 120_000 }, async () => {
    const config = join(folder, 'sealed.yaml');
    await writeFile(config, (await readFile(lab.config(), 'utf8')).replace('share: vault', 'share: sealed\n    transport: encrypted'));
    const answer = await openProduct(config, join(folder, 'engine')).run('destination', 'check', 'oncifs', '--output', 'json');
    expect(answer.stderr).toContain('in user space: SMB 2 or 3 through libsmbclient, encrypted');
    const report = JSON.parse(answer.stdout) as { capabilities: { durable: boolean }; cases: { name: string; status: string; reason: string }[] };
    expect(report.capabilities.durable).toBe(false);
    expect(report.cases.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(await readdir(join(files().data, 'mrs-backup'), { recursive: true })).toEqual(['.tmp']);
  });
});

test('a check that was killed leaves what the next one takes away, and no process', { timeout: 60_000 }, async () => {
  const root = join(files().data, 'mrs-backup');
  const { child, answer } = openProduct(lab.config(), join(folder, 'engine')).start(['destination', 'check', 'oncifs']);
  const large = async (): Promise<string | undefined> => {
    for (const name of await readdir(join(root, '.tmp')).catch(() => [])) if (((await stat(join(root, '.tmp', name)).catch(() => undefined))?.size ?? 0) > 1 << 20) return name;
    return undefined;
  };
  await expect.poll(large, { timeout: 30_000, interval: 5 }).toBeDefined();
  child.kill('SIGKILL');
  await answer;
  await expect.poll(connections, { timeout: 20_000 }).toBe(0);
  const left = (await readdir(root)).filter((name) => name.startsWith('.conformance-'));
  expect(left).toHaveLength(1);
  // Two days later.
  await rename(join(root, left[0]!), join(root, left[0]!.replace(/\d{13}/, String(Date.now() - 2 * 86_400_000))));
  for (const name of await readdir(join(root, '.tmp'))) await utimes(join(root, '.tmp', name), 1, 1);
  for await (const _ of checkDestination(() => openCifs(lab, { path: 'mrs-backup' }), cifs.capabilities)) break;
  await using session = await openCifs(lab, { path: 'mrs-backup' });
  await session.sweep(86_400_000);
  expect(await readdir(root, { recursive: true })).toEqual(['.tmp']);
});

describe('logging in', () => {
  test('is signed, and encrypted where the share or the configuration demands it', async () => {
    for (const [changes, kind] of [[{}, 'signed'], [{ share: 'sealed' }, 'encrypted'], [{ transport: 'encrypted' }, 'encrypted'], [{ guest: true, user: undefined, password: undefined, share: 'everybody' }, 'bare']] as const) {
      await using line = await watchLine(lab.place('cifs').ports['port']!);
      await using session = await openCifs(lab, { ...changes, port: line.port, path: 'watched' });
      await putSample(session, kind, 100_000);
      expect(await readLength(session, kind)).toBe(100_000);
      const { messages } = line;
      const of = (...commands: number[]) => new Set(messages.filter(({ command }) => command === undefined || commands.includes(command)).map((message) => message.kind));
      // Create, write and read of files.
      expect(of(5, 9, 8)).toEqual(new Set([kind]));
      await session.remove(kind);
    }
  });

  test.each(['host msdfs = no', 'smb encrypt = off'])('is refused where the library would go on without the encryption that is wanted: %s', async (setting) => {
    const before = await readFile(files().configuration, 'utf8');
    const serve = async (configuration: string, outcome: unknown): Promise<void> => {
      await writeFile(files().configuration, configuration);
      process.kill(lab.status()['cifs']!.pids['smbd']!, 'SIGHUP');
      await expect.poll(() => openCifs(lab, { transport: 'encrypted', path: 'plain' }).then(async (session) => void (await session[Symbol.asyncDispose]()), (error: unknown) => error), { timeout: 20_000 }).toEqual(outcome);
    };
    try {
      await serve(before.replace('[global]', `[global]\n${setting}`), expect.objectContaining({ code: 'E_DESTINATION_DENIED', message: expect.stringContaining('does not encrypt'), hint: expect.stringContaining('transport: signed') }));
      await using line = await watchLine(lab.place('cifs').ports['port']!);
      await expect(openCifs(lab, { transport: 'encrypted', port: line.port })).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED' });
      // The share was connected and asked what it is; nobody looked into it.
      expect(line.messages.length).toBeGreaterThan(3);
      expect(line.messages.filter(({ command }) => command === 8 || command === 9 || command === 14)).toEqual([]);
      await using signed = await openCifs(lab, { path: 'plain' });
      await putSample(signed, 'a');
    } finally {
      await serve(before, undefined);
    }
  });

  test('with a wrong password or user is refused, also where the server takes strangers for guests, and no secret is in the error', async () => {
    const wrong = join(folder, 'wrong');
    await writeFile(wrong, 'not-the-password', { mode: 0o600 });
    const denied = await openCifs(lab, { password: { file: wrong } }).then(() => undefined, (error: unknown) => error);
    expect(denied).toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('password') });
    expect(inspect(denied, { depth: 20 })).not.toContain('not-the-password');
    await expect(openCifs(lab, { user: 'stranger' })).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('guests') });
    // With our password right and a share open to guests, too.
    await expect(openCifs(lab, { user: 'stranger', share: 'everybody' })).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED' });
    await writeFile(wrong, 'x'.repeat(300), { mode: 0o600 });
    await expect(openCifs(lab, { password: { file: wrong } })).rejects.toMatchObject({ code: 'E_SECRET', message: expect.not.stringContaining('xxx') });
    // The library would end it there.
    await writeFile(wrong, '\0xxx', { mode: 0o600 });
    await expect(openCifs(lab, { password: { file: wrong } })).rejects.toMatchObject({ code: 'E_SECRET', message: expect.not.stringContaining('xxx') });
  });

  test('is configured strictly: names as Windows has them, and none that the library would cut, as who has no name is nobody, whom a share for guests lets in', () => {
    const block = { type: 'CIFS', server: 'nas', share: 'backup', user: 'backup', password: { env: 'PASSWORD' } };
    for (const user of ['svc backup', 'backup@corp.example', 'Sicherung$', 'ü'.repeat(127)]) expect(cifs.config.safeParse({ ...block, user }).success, user).toBe(true);
    for (const bad of [{ user: 'CORP\\backup' }, { user: ' backup' }, { user: '' }, { user: 'x'.repeat(256) }, { user: 'ü'.repeat(128) }, { domain: 'x'.repeat(256) }, { server: 'user:password@nas' }, { server: 'nas:445' }, { server: 'nas?a' }, { guest: true, user: undefined, password: undefined, transport: 'encrypted' }]) expect(cifs.config.safeParse({ ...block, ...bad }).success, JSON.stringify(bad)).toBe(false);
  });

  test('as a guest happens only when it is asked for', async () => {
    const guest = { guest: true, user: undefined, password: undefined };
    await using session = await openCifs(lab, { ...guest, share: 'everybody', path: 'guests' });
    await putSample(session, 'a');
    expect(session.found?.way).toContain('as a guest, not signed');
    await expect(openCifs(lab, guest)).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('guests') });
  });

  test('takes an address of version 6', async () => {
    await using session = await openCifs(lab, { server: '::ffff:127.0.0.1' });
    await putSample(session, 'six');
    await session.remove('six');
  });

  test('shows no password to other processes', async () => {
    await using session = await openCifs(lab);
    await putSample(session, 'a');
    const password = await readFile(files().password, 'utf8');
    const pids = (await readFile(`/proc/self/task/${process.pid}/children`, 'utf8')).trim().split(' ');
    expect(pids.length).toBeGreaterThan(0);
    for (const pid of pids) for (const what of ['cmdline', 'environ']) expect(await readFile(`/proc/${pid}/${what}`, 'latin1').catch(() => '')).not.toContain(password);
  });
});

test('what is not there is said: the share, the folder above, the server, the library', { timeout: 60_000 }, async () => {
  await expect(openCifs(lab, { share: 'nothing' })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', message: expect.stringContaining('no such share') });
  await expect(openCifs(lab, { path: 'missing/above' })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', message: expect.stringContaining('nor is the folder above') });
  await expect(openCifs(lab, { path: 'gone' }, { mustExist: true })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
  await expect(openCifs(lab, { port: 1 })).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE' });
  const other = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(other, 'listening');
  await expect(openCifs(lab, { port: (other.address() as AddressInfo).port })).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('no server that speaks SMB 2 or 3'), hint: expect.stringContaining('NTLMv2') });
  other.close();
  await expect(openCifs(lab, { server: 'no-such-host.invalid' })).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', hint: expect.stringContaining('server and port') });
  await expect(openCifs(lab, { library: join(folder, 'libsmbclient.so.0') })).rejects.toMatchObject({ code: 'E_UNSUPPORTED', hint: expect.stringContaining('install libsmbclient') });
  await expect(openCifs(lab, { library: 'libc.so.6' })).rejects.toMatchObject({ code: 'E_UNSUPPORTED', message: expect.stringContaining('no libsmbclient, or one that is too old') });
});

test('a read-only share can be read and not written', async () => {
  await mkdir(join(files().archive, 'old', 'sets'), { recursive: true });
  await writeFile(join(files().archive, 'old', 'sets', 'manifest'), 'abc', { mode: 0o644 });
  await using session = await openCifs(lab, { share: 'archive', path: 'old' });
  expect(await lengthsOf(session)).toEqual({ 'sets/manifest': 3 });
  expect(await readLength(session, 'sets/manifest')).toBe(3);
  await expect(putSample(session, 'a')).rejects.toMatchObject({ code: expect.stringMatching(/E_DESTINATION_(DENIED|READ_ONLY)/) });
  await expect(session.remove('sets/manifest')).rejects.toMatchObject({ code: expect.stringMatching(/E_DESTINATION_(DENIED|READ_ONLY)/) });
});

test('keys that differ by case only are two objects, and what others put there is nobody’s', async () => {
  await using session = await openCifs(lab, { path: 'names' });
  const root = join(files().data, 'names');
  for (const [key, length] of [['a/b', 10], ['A/b', 20], ['a/B', 30], ['con', 40], ['a.', 50]] as const) await putSample(session, key, length);
  expect(await lengthsOf(session)).toEqual({ 'a/b': 10, 'A/b': 20, 'a/B': 30, con: 40, 'a.': 50 });
  await mkdir(join(root, 'Foreign'));
  await writeFile(join(root, 'a', 'with blank'), 'x');
  await symlink('/etc/passwd', join(root, 'a', 'link'));
  expect(await lengthsOf(session)).toEqual({ 'a/b': 10, 'A/b': 20, 'a/B': 30, con: 40, 'a.': 50 });
  await expect(readLength(session, 'a')).rejects.toMatchObject({ code: 'E_OBJECT_NOT_FOUND' });
  await session.remove('a');
  expect(await session.stat('a/b')).toEqual({ length: 10 });
});

describe('an object', () => {
  test('that somebody marked read-only is read, and who replaces or removes it is told, with nothing half done', async () => {
    await using session = await openCifs(lab, { path: 'marked' });
    await putSample(session, 'a', 700);
    const place = lab.place('cifs');
    const login = join(folder, 'login');
    await writeFile(login, `username = ${cifsUser}\npassword = ${(await readFile(files().password, 'utf8')).trim()}\n`, { mode: 0o600 });
    const mark = (flag: string) => run(join(place.toolsFolder, 'samba', 'usr', 'bin', 'smbclient'), ['//127.0.0.1/vault', '-p', String(place.ports['port']), '-s', '/dev/null', '-A', login, '-c', `setmode marked/a ${flag}`], { env: sambaEnvironment(place) });
    await mark('+r');
    const denied = { code: 'E_DESTINATION_DENIED', message: expect.stringContaining('marked read-only') };
    await expect(putSample(session, 'a', 900)).rejects.toMatchObject(denied);
    await expect(session.remove('a')).rejects.toMatchObject(denied);
    expect(await readLength(session, 'a')).toBe(700);
    expect(await readdir(join(files().data, 'marked'), { recursive: true })).toEqual(['.tmp', 'a']);
    await mark('-r');
    await putSample(session, 'a', 900);
    expect(await lengthsOf(session)).toEqual({ a: 900 });
  });

  test('a part of which somebody has locked is no damage on the way', async () => {
    await using session = await openCifs(lab, { path: 'locked' });
    await putSample(session, 'a', 700);
    const locker = spawn('python3', ['-c', 'import fcntl, sys; file = open(sys.argv[1], "r+b"); fcntl.lockf(file, fcntl.LOCK_EX); print("locked", flush=True); sys.stdin.read()', join(files().data, 'locked', 'a')], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(locker.stdout, 'data');
    await expect(readLength(session, 'a')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('locked') });
    locker.stdin.end();
    await once(locker, 'close');
    expect(await readLength(session, 'a')).toBe(700);
  });

  test('whose writer died between two names is still there, and is replaced', async () => {
    await using session = await openCifs(lab, { path: 'between' });
    const root = join(files().data, 'between');
    for (const key of ['sets/manifest', 'sets/other']) await putSample(session, key, 700);
    // What a writer does before it puts the new object into place.
    await rename(join(root, 'sets', 'manifest'), join(root, 'sets', 'manifest%old'));
    expect(await session.stat('sets/manifest')).toEqual({ length: 700 });
    expect(await readLength(session, 'sets/manifest')).toBe(700);
    expect(await lengthsOf(session)).toEqual({ 'sets/manifest': 700, 'sets/other': 700 });
    await putSample(session, 'sets/manifest', 900);
    expect(await readLength(session, 'sets/manifest')).toBe(900);
    expect(await readdir(join(root, 'sets'))).toEqual(['manifest', 'other']);
    await rename(join(root, 'sets', 'manifest'), join(root, 'sets', 'manifest%old'));
    await session.remove('sets/manifest');
    expect(await readdir(join(root, 'sets'))).toEqual(['other']);
  });

  test('that somebody reads is not replaced under him: the writer waits a little, then says so, and succeeds afterwards', async () => {
    await using reader = await openCifs(lab, { path: 'read' });
    await using writer = await openCifs(lab, { path: 'read', timeoutSeconds: 5 });
    await putSample(reader, 'a', 40_000_000);
    const reading = reader.get('a')[Symbol.asyncIterator]();
    const first = await reading.next();
    await expect(putSample(writer, 'a', 1000)).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('has it open') });
    await expect(writer.remove('a')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', message: expect.stringContaining('has it open') });
    let length = first.done === true ? 0 : first.value.length;
    for (let next = await reading.next(); next.done !== true; next = await reading.next()) length += next.value.length;
    expect(length).toBe(40_000_000);
    const sample = sampleBody(1000, 'a');
    await expect.poll(() => writer.put('a', sample.body(), sample).then(() => true, () => false), { timeout: 20_000 }).toBe(true);
    expect(await lengthsOf(writer)).toEqual({ a: 1000 });
  });
});
