import { execFile, spawn } from 'node:child_process';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { chown, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { labUser } from '../../lab/asNobody.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { plainUsers } from '../../lab/plainSftp.ts';
import { openProduct } from '../../lab/product.ts';
import { sftpFiles, sftpFingerprint } from '../../lab/sftpKeys.ts';
import { checkDestination, type ConformanceResult } from '../../storage/conformance.ts';
import { sftp } from '../../storage/sftp.ts';
import { lengthsOf, openSftp, putSample, readLength } from './sftpPlace.ts';
import { startSshdBeside } from './sshdBeside.ts';

const run = promisify(execFile);
const toolsFolder = process.env['MRS_BACKUP_TOOLS'] ?? new URL('../../.tools', import.meta.url).pathname;
let folder: string;
let lab: Lab;
const files = (server: 'sftp' | 'sftp-plain') => sftpFiles(lab.place(server));

const newKey = (format: 'pkcs8' | 'sec1'): string => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: format, format: 'pem' }).toString();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-sftp-'));
  lab = await createLab({ stateFolder: folder, toolsFolder });
  await lab.up(['sftp', 'sftp-plain']);
}, 60_000);

afterAll(async () => {
  await lab?.down(['sftp', 'sftp-plain']);
  await rm(folder, { recursive: true, force: true });
}, 60_000);

describe('every promise of a destination', () => {
  test('is kept on OpenSSH, and nothing is left', { timeout: 120_000 }, async () => {
    const results: ConformanceResult[] = [];
    for await (const result of checkDestination(() => openSftp(lab, 'sftp'), sftp.capabilities, { exclusive: true, listed: 100, largeBytes: 32 << 20 })) results.push(result);
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(await readdir(join(files('sftp').data, 'vault'), { recursive: true })).toEqual(['.tmp']);
    await using session = await openSftp(lab, 'sftp');
    expect(session.found).toEqual({ durable: true, space: true, limits: {} });
  });

  test('is kept on a server without extensions, and the command says what it lacks', { timeout: 120_000 }, async () => {
    const answer = await openProduct(lab.config(), join(folder, 'engine')).json<{ capabilities: { durable: boolean }; cases: { name: string; status: string; reason: string }[] }>(['destination', 'check', 'onplainsftp']);
    expect(answer.capabilities.durable).toBe(false);
    expect(answer.cases.filter(({ status }) => status !== 'passed')).toMatchObject([{ name: 'space', status: 'unsupported', reason: expect.stringContaining('statvfs@openssh.com') }]);
    expect(await readdir(files('sftp-plain').data, { recursive: true })).toEqual(['mrs-backup', 'mrs-backup/.tmp']);
  });
});

test('a check that was killed leaves what the next one takes away', { timeout: 60_000 }, async () => {
  const root = join(files('sftp').data, 'mrs-backup');
  const { child, answer } = openProduct(lab.config(), join(folder, 'engine')).start(['destination', 'check', 'onsftp']);
  const large = async (): Promise<string | undefined> => {
    for (const name of await readdir(join(root, '.tmp')).catch(() => [])) if (((await stat(join(root, '.tmp', name)).catch(() => undefined))?.size ?? 0) > 1 << 20) return name;
    return undefined;
  };
  await expect.poll(large, { timeout: 30_000, interval: 5 }).toBeDefined();
  child.kill('SIGKILL');
  await answer;
  const left = (await readdir(root)).filter((name) => name.startsWith('.conformance-'));
  expect(left).toHaveLength(1);
  // Two days later.
  await rename(join(root, left[0]!), join(root, left[0]!.replace(/\d{13}/, String(Date.now() - 2 * 86_400_000))));
  // The next one takes the objects away before its first case, and what was half written in a later one.
  for await (const _ of checkDestination(() => openSftp(lab, 'sftp', { path: 'mrs-backup' }), sftp.capabilities)) break;
  await using session = await openSftp(lab, 'sftp', { path: 'mrs-backup' });
  // What was still on its way when the check died makes the file young again.
  await expect.poll(async () => {
    for (const name of await readdir(join(root, '.tmp'))) await utimes(join(root, '.tmp', name), 1, 1);
    await session.sweep(86_400_000);
    return await readdir(root, { recursive: true });
  }, { timeout: 20_000 }).toEqual(['.tmp']);
});

describe('logging in', () => {
  test('by a key, a key with a passphrase, an agent, a password sent and a password asked for', async () => {
    const { lockedKey, passphrase, key } = files('sftp');
    await using byLockedKey = await openSftp(lab, 'sftp', { privateKey: { file: lockedKey }, passphrase: { file: passphrase } });
    await putSample(byLockedKey, 'locked');
    await using byKeyOnPlain = await openSftp(lab, 'sftp-plain', { password: undefined, privateKey: { file: files('sftp-plain').key } });
    await putSample(byKeyOnPlain, 'key');
    await using byQuestion = await openSftp(lab, 'sftp-plain', { user: plainUsers.asked });
    await putSample(byQuestion, 'asked');

    const agent = join(folder, 'agent');
    const child = spawn(join(toolsFolder, 'openssh', 'usr', 'bin', 'ssh-agent'), ['-D', '-a', agent], { stdio: 'ignore', env: { ...process.env, DISPLAY: '', SSH_ASKPASS: '/bin/false' } });
    const sshAdd = async (...args: string[]) => await run(join(toolsFolder, 'openssh', 'usr', 'bin', 'ssh-add'), args, { env: { ...process.env, SSH_AUTH_SOCK: agent } });
    try {
      await expect.poll(() => sshAdd(key).then(() => true, () => false), { timeout: 10_000 }).toBe(true);
      await using byAgent = await openSftp(lab, 'sftp', { privateKey: undefined, agent });
      await putSample(byAgent, 'agent');
      await sshAdd('-D');
      await expect(openSftp(lab, 'sftp', { privateKey: undefined, agent })).rejects.toMatchObject({ code: 'E_SECRET', message: expect.stringContaining('holds no key'), hint: expect.stringContaining('ssh-add') });
      // One that asks somebody before it signs: nobody is here.
      await sshAdd('-c', key);
      await expect(openSftp(lab, 'sftp', { privateKey: undefined, agent })).rejects.toMatchObject({ code: 'E_SECRET', hint: expect.stringContaining('confirm') });
      await sshAdd('-D');
      // The right one would be the seventh, and the server takes six.
      const strangers = Array.from({ length: 6 }, (_, index) => join(folder, `stranger-${index}`));
      for (const each of strangers) await writeFile(each, newKey('sec1'), { mode: 0o600 });
      await sshAdd(...strangers, key);
      await expect(openSftp(lab, 'sftp', { privateKey: undefined, agent })).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('MaxAuthTries') });
    } finally {
      child.kill('SIGKILL');
    }
    await expect(openSftp(lab, 'sftp', { privateKey: undefined, agent })).rejects.toMatchObject({ code: 'E_SECRET', message: expect.stringContaining('agent') });
    await using despiteIt = await openSftp(lab, 'sftp-plain', { agent });
    await putSample(despiteIt, 'despite');
  });

  test('with a wrong key or password is refused, and no secret is in the error', async () => {
    const wrong = join(folder, 'wrong');
    await writeFile(wrong, 'not-the-password', { mode: 0o600 });
    const denied = await openSftp(lab, 'sftp-plain', { password: { file: wrong } }).then(() => undefined, (error: unknown) => error);
    expect(denied).toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('password') });
    expect(inspect(denied, { depth: 20 })).not.toContain('not-the-password');
    await expect(openSftp(lab, 'sftp', { privateKey: { file: files('sftp-plain').key } })).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED' });

    const noPhrase = await openSftp(lab, 'sftp', { privateKey: { file: files('sftp').lockedKey } }).then(() => undefined, (error: unknown) => error);
    expect(noPhrase).toMatchObject({ code: 'E_SECRET', hint: expect.stringContaining('passphrase') });
    const wrongPhrase = await openSftp(lab, 'sftp', { privateKey: { file: files('sftp').lockedKey }, passphrase: { file: wrong } }).then(() => undefined, (error: unknown) => error);
    expect(wrongPhrase).toMatchObject({ code: 'E_SECRET', hint: expect.stringContaining('passphrase') });
    for (const error of [noPhrase, wrongPhrase]) {
      expect(inspect(error, { depth: 20 })).not.toContain('not-the-password');
      expect(inspect(error, { depth: 20 })).not.toContain('PRIVATE KEY');
    }
    await expect(openSftp(lab, 'sftp', { privateKey: { file: wrong } })).rejects.toMatchObject({ code: 'E_SECRET' });

    const publicKey = join(folder, 'public');
    await writeFile(publicKey, await readFile(files('sftp').authorizedKeys), { mode: 0o600 });
    await expect(openSftp(lab, 'sftp', { privateKey: { file: publicKey } })).rejects.toMatchObject({ code: 'E_SECRET', message: expect.stringContaining('it is a public key') });
    const otherFormat = join(folder, 'pkcs8');
    await writeFile(otherFormat, newKey('pkcs8'), { mode: 0o600 });
    await expect(openSftp(lab, 'sftp', { privateKey: { file: otherFormat } })).rejects.toMatchObject({ code: 'E_SECRET', hint: expect.stringContaining('ssh-keygen -p') });
  });

  test.each([['no Subsystem', [], 'E_DESTINATION_DENIED'], ['a shell that prints something', ['Subsystem sftp /no/such/program'], 'E_DESTINATION_DENIED'], ['a limit of no session', ['Subsystem sftp internal-sftp', 'MaxSessions 0'], 'E_DESTINATION_UNREACHABLE']] as const)('where the server has %s for the user is told as what it is', async (_what, lines, code) => {
    await using sshd = await startSshdBeside(lab.place('sftp'), lines);
    const hostKey = await sftpFingerprint(lab.place('sftp'));
    const error = (): Promise<unknown> => openSftp(lab, 'sftp', { port: sshd.port, knownHosts: undefined, hostKey }).then(() => undefined, (failure: unknown) => failure);
    // A busy sshd may tell of the end of a shell before what it printed: then it is tried again, as by a run.
    await expect.poll(error, { timeout: 20_000 }).toMatchObject({ code, ...(code === 'E_DESTINATION_DENIED' ? { message: expect.stringContaining('does not speak SFTP with him'), hint: expect.stringContaining('internal-sftp') } : {}) });
  });

  test('needs a way to log in and a way to know the server', () => {
    const block = { type: 'SFTP', host: 'h', user: 'u', path: 'p', password: { env: 'P' }, hostKey: `SHA256:${'a'.repeat(43)}` };
    expect(sftp.config.safeParse(block).success).toBe(true);
    for (const bad of [{ password: undefined }, { hostKey: undefined }, { hostKey: 'any' }, { knownHosts: '/k' }, { passphrase: { env: 'Q' } }, { path: '../x' }, { path: 'a/..' }, { path: '~/x' }, { password: 'in the clear' }, { command: 'ls' }]) {
      expect(sftp.config.safeParse({ ...block, ...bad }).success, JSON.stringify(bad)).toBe(false);
    }
  });
});

describe('the key of the server', () => {
  test('is good by fingerprint, by known_hosts, by hashed known_hosts', async () => {
    const fingerprint = await sftpFingerprint(lab.place('sftp'));
    const other = await sftpFingerprint(lab.place('sftp-plain'));
    await using byFingerprint = await openSftp(lab, 'sftp', { knownHosts: undefined, hostKey: [other, fingerprint] });
    await putSample(byFingerprint, 'a');
    const [name, type, key] = (await readFile(files('sftp').knownHosts, 'utf8')).trim().split(' ');
    const salt = Buffer.alloc(20, 7);
    const hashed = join(folder, 'hashed');
    await writeFile(hashed, `# a comment\nother.host ssh-rsa AAAA\n|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name!).digest('base64')} ${type} ${key}\n`);
    await using byHash = await openSftp(lab, 'sftp', { knownHosts: hashed });
    await putSample(byHash, 'b');
    await writeFile(hashed, `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name!.replace('127.0.0.1', 'localhost')).digest('base64')} ${type} ${key}\n`);
    await using byAnyCase = await openSftp(lab, 'sftp', { host: 'LocalHost', knownHosts: hashed });
    await putSample(byAnyCase, 'c');
  });

  test('is refused when unknown, changed or revoked, and shown; nothing is sent before', async () => {
    const shownKey = await sftpFingerprint(lab.place('sftp'));
    const other = await sftpFingerprint(lab.place('sftp-plain'));
    const empty = join(folder, 'empty');
    await writeFile(empty, '');
    await expect(openSftp(lab, 'sftp', { knownHosts: empty })).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', message: expect.stringMatching(/not known/), details: { hostKey: shownKey } });
    const changed = await openSftp(lab, 'sftp', { knownHosts: undefined, hostKey: other }).then(() => undefined, (error: Error & { hint: string }) => error);
    expect(changed).toMatchObject({ code: 'E_DESTINATION_DENIED', hint: expect.stringContaining('in between') });
    for (const each of [shownKey, other]) expect(changed!.message).toContain(each);
    const line = (await readFile(files('sftp').knownHosts, 'utf8')).trim();
    const [name, ...ownKey] = line.split(' ');
    const otherKey = (await readFile(files('sftp-plain').knownHosts, 'utf8')).trim().split(' ').slice(1);
    // Of a kind that the server does not have: its own is asked for, too, or nobody would see it.
    const otherKind = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 }).public.split(' ').slice(0, 2);
    const cases = [[name, otherKey, /not the known one/], [name, otherKind, /not the known one/], [`${line}\n@revoked *`, ownKey, /revoked/], [`!${name},*`, ownKey, /not known/], ['@cert-authority *', ownKey, /not known/]] as const;
    for (const [names, key, why] of cases) {
      const known = join(folder, 'known');
      await writeFile(known, `${names} ${key.join(' ')}\n`);
      await expect(openSftp(lab, 'sftp', { knownHosts: known })).rejects.toMatchObject({ code: 'E_DESTINATION_DENIED', message: expect.stringMatching(why), details: { hostKey: shownKey } });
    }
    await expect(openSftp(lab, 'sftp', { knownHosts: join(folder, 'missing') })).rejects.toMatchObject({ code: 'E_CONFIG' });
    expect(await readFile(join(lab.place('sftp').folder, 'sshd.log'), 'utf8')).not.toMatch(/Failed password/);
  });
});

describe('the folder', () => {
  test('is made when the one above exists, relative to where the server puts the user, or absolute', async () => {
    const { data } = files('sftp');
    await using absolute = await openSftp(lab, 'sftp', { path: `${data}/absolute/` });
    await putSample(absolute, 'a/b');
    await using relative = await openSftp(lab, 'sftp', { path: 'absolute' });
    expect(await lengthsOf(relative)).toEqual({ 'a/b': 10 });
    await using own = await openSftp(lab, 'sftp', { path: '.' });
    await putSample(own, 'x');
    expect(await readLength(own, 'absolute/a/b')).toBe(10);
    await own.remove('x');
    await expect(openSftp(lab, 'sftp', { path: 'away' }, { mustExist: true })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
    expect(await readdir(data)).not.toContain('away');
    await expect(openSftp(lab, 'sftp', { path: 'missing/deep' })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
    await writeFile(join(data, 'file'), '');
    await expect(openSftp(lab, 'sftp', { path: 'file' })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH' });
    for (const server of ['sftp', 'sftp-plain'] as const) {
      const path = (name: string): string => (server === 'sftp' ? name : `/${name}`);
      for (const [link, to] of [['dangling', 'nowhere'], ['circle', 'circle']] as const) {
        await symlink(to, join(files(server).data, link));
        await expect(openSftp(lab, server, { path: path(link) })).rejects.toMatchObject({ code: 'E_DESTINATION_PATH', message: expect.stringContaining('leads nowhere') });
      }
    }
  });

  test.each(['sftp', 'sftp-plain'] as const)('that vanishes is reported by everything and not made again (%s)', async (server) => {
    await using session = await openSftp(lab, server, { path: server === 'sftp' ? 'vanishing' : '/vanishing' });
    await putSample(session, 'a/b');
    await rm(join(files(server).data, 'vanishing'), { recursive: true });
    const gone = { code: 'E_DESTINATION_UNREACHABLE' };
    await expect(putSample(session, 'a/c')).rejects.toMatchObject(gone);
    await expect(session.stat('a/b')).rejects.toMatchObject(gone);
    await expect(readLength(session, 'a/b')).rejects.toMatchObject(gone);
    await expect(lengthsOf(session)).rejects.toMatchObject(gone);
    await expect(session.remove('a/b')).rejects.toMatchObject(gone);
    await expect(session.space()).rejects.toMatchObject(gone);
    await expect(session.sweep(0)).rejects.toMatchObject(gone);
    expect(await readdir(files(server).data)).not.toContain('vanishing');
  });

  test.each(['sftp', 'sftp-plain'] as const)('that is replaced by another one of the same disk gets nothing (%s)', async (server) => {
    const root = join(files(server).data, 'replaced');
    await using session = await openSftp(lab, server, { path: server === 'sftp' ? 'replaced' : '/replaced' });
    await putSample(session, 'a');
    await rename(root, `${root}-moved`);
    await mkdir(root);
    await chown(root, labUser?.uid ?? process.getuid!(), labUser?.gid ?? process.getgid!());
    await expect(putSample(session, 'b')).rejects.toMatchObject({ code: 'E_DESTINATION_UNREACHABLE', hint: expect.stringContaining('replaced') });
    expect(await readdir(root)).toEqual([]);
    await rm(root, { recursive: true });
    await rename(`${root}-moved`, root);
    await putSample(session, 'b');
    expect(await lengthsOf(session)).toEqual({ a: 10, b: 10 });
  });

  test('may hold what others put there: it is nobody’s object', async () => {
    await using session = await openSftp(lab, 'sftp', { path: 'shared' });
    const root = join(files('sftp').data, 'shared');
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

test('where a rename does not replace, an object whose writer died between two names is still there, and is replaced', async () => {
  await using session = await openSftp(lab, 'sftp-plain', { path: '/between' });
  const root = join(files('sftp-plain').data, 'between');
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

test('the server is asked for no command and no shell', async () => {
  await using session = await openSftp(lab, 'sftp');
  await putSample(session, 'a');
  const log = await readFile(join(lab.place('sftp').folder, 'sshd.log'), 'utf8');
  expect(log).toContain("Starting session: subsystem 'sftp'");
  expect(log).not.toMatch(/Starting session: (command|shell)/);
});
