import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { openSession } from '../../client/openRepositoryAt.ts';
import { loadConfig } from '../../config/loadConfig.ts';
import { cifsFiles } from '../../lab/cifsFiles.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { nfsFiles } from '../../lab/nfsFiles.ts';
import { openProduct } from '../../lab/product.ts';
import { sftpFiles, sftpFingerprint } from '../../lab/sftpKeys.ts';
import { sampleBody } from '../../storage/sampleBody.ts';
import { checkGuards } from '../servers/checkGuards.ts';
import { startFaultyProxy } from '../servers/faultyProxy.ts';
import { startSshdBeside } from '../servers/sshdBeside.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'client', 'cli', 'main.ts');
let folder: string;
let lab: Lab;
let config: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-killed-check-'));
  lab = await createLab({ stateFolder: folder, toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? join(root, '.tools') });
  await lab.up(['cifs', 'nfs', 'sftp']);
  const { destinations } = parse(await readFile(lab.config(), 'utf8')) as { destinations: Record<string, unknown> };
  config = join(folder, 'check.yaml');
  await writeFile(config, stringify({ destinations: { ...destinations, local: { type: 'LocalDir', path: join(folder, 'local'), allowRootFileSystem: true } } }));
}, 120_000);
afterAll(async () => {
  await lab?.down();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const names: Record<string, () => string> = {
  local: () => join(folder, 'local'),
  onsftp: () => join(sftpFiles(lab.place('sftp')).data, 'mrs-backup'),
  oncifs: () => join(cifsFiles(lab.place('cifs')).data, 'mrs-backup'),
  onnfs: () => join(nfsFiles(lab.place('nfs')).data, 'mrs-backup'),
};

/** What is there, past the product, but for the folder of temporary objects. */
async function left(destination: string): Promise<string[]> {
  return (await readdir(names[destination]!(), { recursive: true }).catch(() => [])).filter((name) => name !== '.tmp');
}

/** A check in a process group of its own, killed with the whole group once it has told of so many cases. */
async function killAfter(destination: string, cases: number): Promise<void> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'destination', 'check', destination, '--config', config], { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
  let told = 0;
  child.stderr.on('data', (data: Buffer) => {
    told += data.toString().split(`${destination}: `).length - 1;
    if (told > cases) process.kill(-child.pid!, 'SIGKILL');
  });
  expect(await ended).toBe('SIGKILL');
}

test.each([['local', 1], ['local', 4], ['local', 9], ['onsftp', 6], ['oncifs', 6], ['onnfs', 6]] as const)('a check of %s that is killed with SIGKILL after %i cases leaves nothing behind', { timeout: 120_000 }, async (destination, cases) => {
  // What another kill left is that one's failure.
  for (const name of await left(destination)) await rm(join(names[destination]!(), name), { recursive: true, force: true });
  await killAfter(destination, cases);
  await expect.poll(() => left(destination), { timeout: 60_000, interval: 250 }).toEqual([]);
  await expect.poll(() => checkGuards(config), { timeout: 60_000, interval: 250 }).toEqual([]);
  expect(await left(destination)).toEqual([]);
});

test.each(['local', 'onsftp', 'oncifs', 'onnfs'])('a check of %s that dies between making a folder and storing into it leaves none', { timeout: 60_000 }, async (destination) => {
  const prefix = '.conformance-1-aa/';
  const sample = sampleBody(1, 'one');
  {
    // By the user who logs in there; one name is so long that its rest is in a folder of its own.
    await using session = await openSession(await loadConfig({ file: config, env: process.env }), destination, 'check-1-aa');
    for (const key of ['refused/deep/one', `${'n'.repeat(400)}`]) await session.put(prefix + key, sample.body(), sample);
  }
  for (const entry of await readdir(join(names[destination]!(), prefix), { withFileTypes: true, recursive: true })) if (entry.isFile()) await rm(join(entry.parentPath, entry.name));
  expect(await left(destination)).toHaveLength(4);
  const guard = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'client', 'checkGuardProgram.ts'), config, destination, prefix, 'check-1-aa'], { stdio: 'ignore' });
  await new Promise((resolve) => guard.once('exit', resolve));
  expect(await left(destination)).toEqual([]);
});

test('a check that is interrupted while its server is silent says that something is left, and it goes when the server answers again', { timeout: 60_000 }, async () => {
  await using proxy = await startFaultyProxy(lab.place('sftp').ports['port']!);
  const { destinations } = parse(await readFile(config, 'utf8')) as { destinations: Record<string, Record<string, unknown>> };
  const { knownHosts: _, ...server } = destinations['onsftp']!;
  const silent = join(folder, 'silent.yaml');
  await writeFile(silent, stringify({ destinations: { onsftp: { ...server, port: proxy.port, hostKey: await sftpFingerprint(lab.place('sftp')), timeoutSeconds: 2 } } }));
  const { child, answer } = openProduct(silent, folder).start(['destination', 'check', 'onsftp', '--output', 'json']);
  child.stderr!.on('data', (data: Buffer) => {
    if (!data.toString().includes('an object is replaced: passed')) return;
    proxy.stalled = true;
    child.kill('SIGINT');
  });
  const { code, json } = await answer;
  expect({ code, ...json() }).toMatchObject({ code: 130, error: { code: 'E_INTERRUPTED', message: expect.stringContaining('could not be removed'), hint: expect.stringContaining('.conformance-'), details: { left: expect.stringMatching(/^\.conformance-/) } } });
  expect(await left('onsftp')).not.toEqual([]);
  proxy.stalled = false;
  await expect.poll(async () => [...(await left('onsftp')), ...(await checkGuards(silent))], { timeout: 30_000, interval: 250 }).toEqual([]);
});

test('a check of a server that lets nothing be removed tells of all cases, and that something is left', { timeout: 60_000 }, async () => {
  const { destinations } = parse(await readFile(config, 'utf8')) as { destinations: Record<string, Record<string, unknown>> };
  const { knownHosts: _, ...server } = destinations['onsftp']!;
  await using sshd = await startSshdBeside(lab.place('sftp'), [`Subsystem sftp internal-sftp -P remove -d ${sftpFiles(lab.place('sftp')).data}`]);
  const kept = join(folder, 'kept.yaml');
  await writeFile(kept, stringify({ destinations: { kept: { ...server, port: sshd.port, path: 'kept', hostKey: await sftpFingerprint(lab.place('sftp')) } } }));
  const { cases } = await openProduct(kept, folder).json<{ cases: { name: string; status: string; reason: string }[] }>(['destination', 'check', 'kept'], [1]);
  expect(cases.find(({ name }) => name === 'removing twice')).toMatchObject({ status: 'failed', reason: expect.stringContaining('E_DESTINATION_DENIED') });
  expect(cases.at(-1)).toMatchObject({ name: 'can be used', status: 'failed', reason: expect.stringMatching(/^E_DESTINATION_DENIED: what the check made could not be removed: /) });
  for (const each of await checkGuards(kept)) process.kill(each, 'SIGKILL');
});
