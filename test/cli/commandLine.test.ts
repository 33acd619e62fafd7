import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../backupset/canonicalJson.ts';
import { answers } from '../../client/answers/answers.ts';
import { nouns, singleCommands } from '../../client/cli/commands.ts';
import { captured } from './captured.ts';
import { runCommandLine } from '../../client/cli/runCommandLine.ts';

const main = fileURLToPath(new URL('../../client/cli/main.ts', import.meta.url));
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mrs-backup-cli-'));
  await writeFile(join(folder, 'password'), 'hunter2-canary\n');
  await chmod(join(folder, 'password'), 0o600);
  await writeFile(join(folder, 'good.yaml'), `clusters:
  prod:
    services:
      DBService: { DBService: { host: 127.0.0.1, port: 1, user: u, password: { file: password }, databases: { hivemeta: { service: Hive, owner: hive } } } }
destinations:
  vault: { type: LocalDir, path: ${folder}/vault, allowRootFileSystem: true }
tasks:
  nightly: { cluster: prod, sources: [{ source: dbservice }], destinations: [vault], schedule: { every: 1d } }
`);
  await writeFile(join(folder, 'bad.yaml'), 'clusters:\n  prod:\n    services:\n      DBService: { DBService: { host: h, user: u, password: hunter2-canary, databases: {} } }\ntsks: {}\n');
});

afterAll(async () => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command in this process: everything but the start of one. */
async function cli(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const { result, ...written } = await captured(folder, env, () => runCommandLine(args));
  return { code: result, ...written };
}

/** The command as a shell would start it, without a terminal. */
async function shell(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const { TEMPORAL_ADDRESS: _, MRS_BACKUP_CONFIG: __, NO_COLOR: ___, FORCE_COLOR: ____, ...rest } = process.env;
  return await new Promise((done) => {
    execFile(process.execPath, [main, ...args], { cwd: folder, env: { ...rest, ...env } }, (error, stdout, stderr) => done({ code: error === null ? 0 : Number(error.code), stdout, stderr }));
  });
}

describe('every command explains itself', () => {
  const commands = [...singleCommands.map((spec) => [spec.usage.split(' ')[0] ?? '']), ...nouns.flatMap((noun) => noun.verbs.map((verb) => [noun.name, verb.usage.split(' ')[0] ?? '']))];
  test.each(commands)('%s %s --help has a description and two examples', async (...words) => {
    const { code, stdout } = await cli([...words, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`mrs-backup ${words.join(' ')}`);
    const examples = stdout.slice(stdout.indexOf('Examples:')).split('\n').filter((line) => line.startsWith(`  mrs-backup ${words.join(' ')}`));
    expect(examples.length).toBeGreaterThanOrEqual(2);
    expect(new Set(examples).size).toBe(examples.length);
  });

  test.each(nouns.map((noun) => [noun.name]))('%s --help has two different examples of it', async (noun) => {
    const { stdout } = await cli([noun, '--help']);
    const examples = stdout.slice(stdout.indexOf('Examples:')).split('\n').slice(1).filter((line) => line !== '');
    expect(examples).toEqual([expect.stringMatching(`^  mrs-backup ${noun} `), expect.stringMatching(`^  mrs-backup ${noun} `)]);
    expect(new Set(examples).size).toBe(2);
  });

  test('as a process too', async () => {
    const [help, none] = await Promise.all([shell(['task', 'run', '--help']), shell([])]);
    expect(help).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('mrs-backup task run nightly --full') });
    expect(none).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^error\[E_USAGE\]: a command is missing\nhint: /) });
  });

  test('and says in which form it answers', () => {
    const built = [...singleCommands.map((spec) => ['', spec] as const), ...nouns.flatMap((noun) => noun.verbs.map((spec) => [`${noun.name} `, spec] as const))].filter(([, spec]) => !spec.description.includes('not built yet'));
    expect(Object.keys(answers).sort()).toEqual(built.map(([noun, spec]) => `${noun}${spec.usage.split(' ')[0]}`).filter((name) => name !== 'up' && name !== 'worker').sort());
  });
});

describe('usage', () => {
  test.each([
    [['tsak', 'list'], /unknown command 'tsak'/, /did you mean task\?/],
    [['task', 'lst'], /unknown command 'lst'/, /did you mean list\?/],
    [['task', 'list', '--outptu', 'json'], /unknown option '--outptu'/, /--output/],
    [['task', 'run'], /missing required argument/, /--help/],
    [['set', 'extract', 'A', 'hdfs', '/data'], /--to/, /--help/],
    [['run', 'limit', 'x', '--parallel', 'many'], /whole number/, /--help/],
    [['run', 'limit', 'x', '--bandwidth', '50Mb/s'], /not a rate/, /50MB\/s/],
    [['support', 'show', '--output', 'xml'], /xml/, /--help/],
    [[], /a command is missing/, /--help/],
  ])('%j is refused with exit code 2, two lines and a way on', async (args, message, hint) => {
    const { code, stderr, stdout } = await cli(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^error\[E_USAGE\]: /);
    expect(lines[0]).toMatch(message);
    expect(lines[1]).toMatch(/^hint: /);
    expect(lines[1]).toMatch(hint);
  });

  test.each([['drill', 'run', 'nightly'], ['server'], ['set', 'diff', 'A', 'B'], ['set', 'keep', 'A'], ['set', 'delete', 'A'], ['set', 'expire']])('%s %s is not built and says so', async (...args) => {
    const { code, stdout, stderr } = await cli([...args, '--output', 'json']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error\[E_NOT_BUILT\]: /);
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, error: { code: 'E_NOT_BUILT', message: expect.any(String), hint: expect.any(String), details: {} } });
  });

  test('a plan file that was changed since it was written is not approved', async () => {
    const body = { version: 1, planId: 'plan-1', order: [], losses: ['one'] };
    const plan = { ...body, createdAt: '2026-01-01T00:00:00.000Z', digest: createHash('sha256').update(canonicalJson(body)).digest('hex') };
    await writeFile(join(folder, 'plan.json'), JSON.stringify({ ...plan, losses: [] }));
    expect(await cli(['restoration', 'approve', 'plan.json', '--config', 'good.yaml'])).toMatchObject({ code: 4, stderr: expect.stringMatching(/^error\[E_PLAN_CHANGED\]: /) });
    await writeFile(join(folder, 'plan.json'), JSON.stringify(plan));
    expect(await cli(['restoration', 'approve', 'plan.json', '--config', 'good.yaml'])).toMatchObject({ code: 6 });
  });

  test('global options work before and after the command', async () => {
    for (const args of [['--output', 'json', 'support', 'show'], ['support', '--output', 'json', 'show'], ['support', 'show', '--output', 'json']]) {
      const { code, stdout } = await cli(args);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ version: 1, rows: expect.arrayContaining([{ source: 'hdfs', type: 'RemoteHDFS', vendor: 'yes', ours: 'supported', proved: expect.any(String), reason: expect.any(String) }]) });
    }
  });

  test('no colour without a terminal', async () => {
    const { stdout } = await shell(['support', 'show']);
    expect(stdout).toContain('refused');
    expect(stdout).not.toContain('\u001b[');
  });
});

describe('configuration', () => {
  test('a good file is ok', async () => {
    const { code, stdout } = await cli(['config', 'check', '--config', 'good.yaml', '--output', 'json']);
    expect(JSON.parse(stdout)).toEqual({ version: 1, ok: true, problems: [] });
    expect(code).toBe(0);
  });

  test('a bad file names every problem with its line, and no secret', async () => {
    const { code, stdout, stderr } = await shell(['config', 'check', '--config', 'bad.yaml', '--output', 'json']);
    expect(code).toBe(2);
    const { ok, problems } = JSON.parse(stdout) as { ok: boolean; problems: { path: string; line: number }[] };
    expect(ok).toBe(false);
    expect(problems.map(({ path, line }) => [path, line])).toEqual([['clusters.prod.services.DBService.DBService.password', 4], ['tsks', 5]]);
    expect(stdout + stderr).not.toContain('hunter2');
  });

  test('any command refuses a bad file, or none', async () => {
    for (const args of [['task', 'run', 'nightly', '--config', 'bad.yaml'], ['task', 'run', 'nightly', '--config', 'absent.yaml']]) {
      const { code, stderr } = await cli(args);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^error\[E_CONFIG\]: /);
      expect(stderr).not.toContain('hunter2');
    }
  });

  test('explain shows secrets as references', async () => {
    const { code, stdout } = await cli(['config', 'explain'], { MRS_BACKUP_CONFIG: 'good.yaml' });
    expect(code).toBe(0);
    expect(stdout).toContain('{"file":"password"}');
    expect(stdout).not.toContain('hunter2');
  });
});

test('a folder that is not there is not made by looking into it, nor by an `up` that cannot keep its state', async () => {
  expect(await cli(['set', 'list', '--destination', './absent'])).toMatchObject({ code: 4, stderr: expect.stringMatching(/^error\[E_DESTINATION_PATH\]: .*absent\) is not there\n/) });
  expect(existsSync(join(folder, 'absent'))).toBe(false);
  expect(await cli(['up', '--state', 'good.yaml/state', '--config', 'good.yaml'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/^error\[E_USAGE\]: cannot keep state in /) });
});

describe('without an engine', () => {
  const commands = [['task', 'list'], ['task', 'apply'], ['task', 'run', 'nightly'], ['run', 'list'], ['run', 'show', 'x'], ['restoration', 'list'], ['reap'], ['mirror', 'compare', '--from', 'prod', '--to', 'prod']];

  test('every command that needs one ends with exit code 6 and says how to start it', async () => {
    // Each waits for an answer that does not come: all at once.
    const ended = await captured(folder, { TEMPORAL_ADDRESS: '127.0.0.1:1' }, () => Promise.all(commands.map((args) => runCommandLine([...args, '--config', 'good.yaml']))));
    expect(ended.result).toEqual(commands.map(() => 6));
    expect(ended.stderr.match(/^error\[E_ENGINE_UNREACHABLE\]: .*\nhint: .*mrs-backup up/gm)).toHaveLength(commands.length);
  }, 20_000);

  test('as a process too', async () => {
    const ended = await Promise.all([['task', 'list'], ['worker', '--state', 'state']].map((args) => shell([...args, '--config', 'good.yaml'], { TEMPORAL_ADDRESS: '127.0.0.1:1' })));
    for (const { code, stderr } of ended) {
      expect(stderr).toMatch(/^error\[E_ENGINE_UNREACHABLE\]: .*\nhint: .*\n$/);
      expect(code).toBe(6);
    }
  }, 20_000);
});

test('cluster check names what cannot be reached and ends with exit code 4', async () => {
  const { code, stdout } = await cli(['cluster', 'check', 'prod', '--config', 'good.yaml', '--output', 'json']);
  expect(code).toBe(4);
  const { version, cluster, instances } = JSON.parse(stdout) as { version: number; cluster: string; instances: { problems: { code: string }[] }[] };
  expect({ version, cluster }).toEqual({ version: 1, cluster: 'prod' });
  expect(instances).toHaveLength(1);
  expect(instances[0]).toMatchObject({ source: 'dbservice', instance: 'DBService', status: 'error' });
  expect(instances[0]?.problems.map((problem) => problem.code)).toContain('E_SOURCE_UNREACHABLE');
  expect(stdout).not.toContain('hunter2');
}, 30_000);
