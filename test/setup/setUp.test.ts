import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const room = fileURLToPath(new URL('../../setup/', import.meta.url));
let folder = '';

beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'mrs-backup-set-up-')); });
afterAll(async () => rm(folder, { recursive: true, force: true }));

/** Runs a module of its own, which may import from setup/ as `room`. */
function run(body: string, env: NodeJS.ProcessEnv = process.env) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', `const room = ${JSON.stringify(room)};\n${body}`], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  return { child, ended: Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]).then(([stdout, stderr, [code, signal]]) => ({ stdout, stderr, code: code as number | null, signal: signal as string | null })) };
}

describe('an installer that outlives its set-up', () => {
  test('is waited for by the next one', async () => {
    const lock = JSON.stringify(join(folder, 'killed.lock'));
    const killed = await run(`
      import { spawn } from 'node:child_process';
      const { withLock } = await import(room + 'setUpLock.mjs');
      await withLock(${lock}, async (hold) => {
        hold(spawn('sleep', ['1.5'], { stdio: 'ignore', detached: true }).pid);
        process.kill(process.pid, 'SIGKILL');
        await new Promise(() => undefined);
      });`).ended;
    expect(killed.signal).toBe('SIGKILL');
    const begin = Date.now();
    const next = await run(`const { withLock } = await import(room + 'setUpLock.mjs'); await withLock(${lock}, async () => console.log('mine'));`).ended;
    expect(next).toMatchObject({ code: 0, stdout: 'mine\n', stderr: expect.stringContaining('waiting') });
    expect(Date.now() - begin).toBeGreaterThan(1000);
    expect(await readdir(folder)).toEqual([]);
  });

  test('is ended with a set-up that is interrupted, which says how to go on', async () => {
    const { child, ended } = run(`
      import { SetUpError } from ${JSON.stringify(join(room, 'setUpError.mjs'))};
      const { runStep } = await import(room + 'runStep.mjs');
      const step = runStep({ title: 'a tool', command: 'sleep', args: ['30'], cwd: '/', hold: (pid) => { console.log(pid); return () => undefined; } });
      await step.catch((error) => { if (!(error instanceof SetUpError)) throw error; console.error(error.message); process.exitCode = error.exitCode; });`);
    const installer = Number(String((await once(child.stdout, 'data'))[0]));
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 143, stderr: expect.stringMatching(/a tool was interrupted\nhint: start again, it goes on/) });
    expect(() => process.kill(installer, 0)).toThrow();
  });
});

describe('what a machine lacks', () => {
  /** The messages for a machine whose PATH has Node and the given programs only. */
  async function lackingWith(programs: Readonly<Record<string, string>>, needed: readonly string[]): Promise<string> {
    const bin = await mkdtemp(join(folder, 'bin-'));
    await symlink(process.execPath, join(bin, 'node'));
    for (const [name, script] of Object.entries(programs)) {
      await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
      await chmod(join(bin, name), 0o755);
    }
    const { stdout } = await run(`
      const { checkPrerequisites } = await import(room + 'prerequisites.mjs');
      try { checkPrerequisites(new Set(${JSON.stringify(needed)})); } catch (error) { console.log(error.exitCode, error.message); }`, { PATH: bin }).ended;
    await rm(bin, { recursive: true });
    return stdout;
  }
  const java = (version: string): string => `echo 'openjdk version "${version}"' >&2`;

  test('is named all at once, with the way to get it', async () => {
    expect(await lackingWith({}, ['npm', 'pip', 'java', 'mvn'])).toMatch(/^2 .*\n {2}npm is missing: apt-get install npm.*\n {2}python3 is missing: apt-get install python3.*\n {2}java is missing: apt-get install openjdk-17.*\n {2}mvn is missing: apt-get install maven\n$/);
  });

  test('is not what is there and lacks its own', async () => {
    expect(await lackingWith({ mvn: 'exit 1' }, ['java', 'mvn'])).not.toContain('mvn');
    expect(await lackingWith({ python3: 'case "$*" in *pip*) exit 1;; esac' }, ['pip'])).toMatch(/ {2}pip of python3 is missing: apt-get install python3-pip/);
  });

  test.each([['17.0.9', ''], ['21', ''], ['11.0.2', 'java 11 is too old'], ['1.8.0_292', 'java 8 is too old']])('java %s', async (version, message) => {
    const lacking = await lackingWith({ java: java(version) }, ['java']);
    if (message === '') expect(lacking).toBe('');
    else expect(lacking).toContain(message);
  });
});

describe('the lab', () => {
  test('needs only what the named servers need, and nothing to stop or look', async () => {
    const needs = async (...args: readonly string[]) => JSON.parse((await run(`const { scriptOf } = await import(room + 'scripts.mjs'); console.log(JSON.stringify(scriptOf('lab', ${JSON.stringify(args)}).needs));`).ended).stdout) as string[];
    expect((await needs('up', 'hdfs-a', 'dbservice')).sort()).toEqual(['hadoop', 'java', 'postgres']);
    expect(await needs('up')).toEqual(expect.arrayContaining(['hadoop', 'java', 'postgres', 'nfs', 'samba', 'openssh', 'seaweedfs', 's3proxy', 'paramiko']));
    for (const verb of ['down', 'status', 'kill']) expect(await needs(verb)).toEqual([]);
  });

  test('has a line for every server', async () => {
    const { servers } = await import('../../lab/servers.ts');
    for (const name of Object.keys(servers)) expect((await run(`const { scriptOf } = await import(room + 'scripts.mjs'); console.log(scriptOf('lab', ['up', '${name}']).needs.length);`).ended).stdout).toMatch(/^[1-3]\n$/);
  });
});
